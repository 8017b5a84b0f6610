/**
 * The only globals beyond ECMAScript that the domain may name: the web-standard cancellation pair,
 * which Node, browsers and Deno all provide. Anything else (timers, process, console, fetch) does
 * not compile here, which keeps the domain pure. This file is not emitted: consumers see their own
 * platform's AbortSignal.
 */
interface AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

interface AbortController {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}

declare const AbortController: new () => AbortController;
