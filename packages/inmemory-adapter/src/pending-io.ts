/**
 * Node's names of what a process waits for while it reads, writes, connects, looks up a host's name or runs
 * another program, in `process.getActiveResourcesInfo()`: the names of the classes in Node's own source. The
 * tests meet those of files, sockets and programs on Node 20, 22 and 24; others were not seen there.
 */
const ioNames: ReadonlySet<string> = new Set([
  'CloseReq',
  'ConnectWrap',
  'FSReqCallback',
  'FSReqPromise',
  'GetAddrInfoReqWrap',
  'GetNameInfoReqWrap',
  'ProcessWrap',
  'SendWrap',
  'ShutdownWrap',
  'TCPSocketWrap',
  'WriteWrap',
]);

/** A socket of a Unix domain, or the process's own input, output or channel to its parent. */
const pipeName = 'PipeWrap';
const ownPipes = resources().filter((name) => name === pipeName).length;

/** The input and output that this process waits for, by Node's names; none where the runtime can't tell. */
export function pendingIo(): readonly string[] {
  const names = resources();
  const pipes = names.filter((name) => name === pipeName);
  return [...names.filter((name) => ioNames.has(name)), ...pipes.slice(ownPipes)];
}

function resources(): readonly string[] {
  const { getActiveResourcesInfo } = process as Partial<typeof process>;
  return getActiveResourcesInfo?.() ?? [];
}
