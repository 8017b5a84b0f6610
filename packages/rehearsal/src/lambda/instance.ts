import { fork, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { delimiter, join } from 'node:path';
import type { FunctionDefinition } from '../assembly.js';
import type { HostPorts } from './redirected-hosts.js';
import type { ScaledWaits } from './scaled-timers.js';

/** The surroundings of a function's processes. */
export interface InstanceProps {
  readonly waits: ScaledWaits;
  readonly hosts: HostPorts;
  /** A file of certificates that its connections trust. */
  readonly certificates?: string | undefined;
}

export interface InstanceRequest {
  readonly requestId: string;
  readonly arn: string;
  readonly timeoutMs: number;
  /** JSON. */
  readonly payload: string;
}

interface InstanceAnswer {
  /** JSON: what the handler returned, or Lambda's description of what it threw. */
  readonly payload: string;
  readonly failed: boolean;
  /** The time that loading the bundle took, in milliseconds; 0 but for an instance's first event. */
  readonly initMs: number;
  /** The time that the scale has taken off the handler's own waits, in milliseconds. */
  readonly removedMs: number;
  /** True when the bundle could not be loaded, so that the process is of no more use. */
  readonly isBroken: boolean;
}

/** An instance's answer, or its word that the function's time would be over on AWS. */
export type InstanceMessage = InstanceAnswer | { readonly isOver: true };

/** Built, also when this file is run from its source, as this package's tests do. */
const runtime = join(__dirname, '../../dist/lambda/instance-main.js');

/**
 * The file of a managed runtime with the certificates of Amazon's services, RDS among them: there is none
 * here, and another one in its place. Lambda Developer Guide, Building with Node.js.
 */
const runtimeCertificates = '/var/runtime/ca-cert.pem';

/** One process that runs a function's bundle, an event at a time. */
export class Instance {
  readonly #process: ChildProcess;
  #isGone = false;

  constructor(
    definition: FunctionDefinition,
    environment: Readonly<Record<string, string>>,
    props: InstanceProps,
    onLine: (line: string) => void,
  ) {
    const { waits, hosts, certificates } = props;
    const region = definition.arn.split(':')[3];
    const { NODE_EXTRA_CA_CERTS: trusted } = definition.environment;
    this.#process = fork(runtime, [JSON.stringify({ waits, hosts } satisfies InstanceProps)], {
      cwd: definition.code,
      // Nothing of this process's own environment: a function has its own alone.
      env: {
        ...environment,
        ...definition.environment,
        ...(trusted === runtimeCertificates && { NODE_EXTRA_CA_CERTS: certificates }),
        LAMBDA_TASK_ROOT: definition.code,
        _HANDLER: definition.handler,
        LANG: 'en_US.UTF-8',
        NODE_PATH: definition.layers
          .map((layer) => join(layer, 'nodejs/node_modules'))
          .join(delimiter),
        AWS_REGION: region,
        AWS_DEFAULT_REGION: region,
        AWS_LAMBDA_FUNCTION_NAME: definition.name,
        AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
        AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${definition.name}`,
        AWS_LAMBDA_LOG_STREAM_NAME: randomUUID(),
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(definition.memoryMegabytes),
        TZ: 'UTC',
        // The process may be of an older Node.js than the function's runtime: that is known.
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      },
      execArgv: [`--max-old-space-size=${definition.memoryMegabytes}`],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      let rest = '';
      stream?.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) onLine(line);
      });
    }
    this.#process.once('exit', () => (this.#isGone = true));
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** @returns what the handler came to, or how the process ended before it did */
  invoke(request: InstanceRequest): Promise<InstanceMessage | { readonly exit: string }> {
    return new Promise((resolve) => {
      const ended = (code: number | null, signal: string | null): void => {
        this.#process.off('message', answered);
        resolve({ exit: signal === null ? `exit status ${code}` : `signal: ${signal}` });
      };
      const answered = (answer: InstanceMessage): void => {
        this.#process.off('exit', ended);
        resolve(answer);
      };
      this.#process.once('exit', ended).once('message', answered);
      this.#process.send(request, (error) => {
        if (error !== null) ended(null, 'gone');
      });
    });
  }

  /** Ends the process at once, as a crash would. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }

  /** Ends the process, and waits until it is gone. */
  async close(): Promise<void> {
    if (this.#isGone) return;
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    this.kill();
    await gone;
  }
}
