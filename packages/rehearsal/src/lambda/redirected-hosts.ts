import { Socket } from 'node:net';

/** The ports of this machine that stand for hosts of the deployment, by the hosts' names. */
export type HostPorts = Readonly<Record<string, number>>;

/**
 * Lets this process's connections to the hosts of a deployment arrive at the ports that stand for them,
 * as a VPC's network would. The host's name stays what its certificate is compared with.
 */
export function redirectHosts(ports: HostPorts): void {
  if (Object.keys(ports).length === 0) return;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called as the socket's own
  const connect = Socket.prototype.connect as (this: Socket, ...given: unknown[]) => Socket;
  Socket.prototype.connect = function (this: Socket, ...given: unknown[]) {
    const [first, second] = Array.isArray(given[0]) ? (given[0] as unknown[]) : given;
    const { host } = (typeof first === 'object' ? first : { host: second }) as {
      readonly host?: unknown;
    };
    const port = typeof host === 'string' && Object.hasOwn(ports, host) ? ports[host] : undefined;
    if (port === undefined) return connect.apply(this, given);
    const callback = given.flat().find((argument) => typeof argument === 'function');
    const options = typeof first === 'object' ? first : {};
    return connect.call(this, { ...options, host: '127.0.0.1', port }, callback);
  };
}
