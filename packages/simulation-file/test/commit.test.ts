import { execFileSync } from 'node:child_process';
import { commitOf } from '../src/index.js';
import { Folder } from './folder.js';

let folder: Folder;
beforeEach(() => (folder = new Folder()));
afterEach(() => folder.remove());

function git(...args: string[]): string {
  const settings = ['user.name=A', 'user.email=a@example.com', 'init.defaultBranch=main'];
  const options = settings.flatMap((setting) => ['-c', setting]);
  return execFileSync('git', [...options, ...args], { cwd: folder.path, encoding: 'utf8' }).trim();
}

describe('the commit of a file', () => {
  it('is none outside of a repository, before the first commit, and where there is no folder', async () => {
    const file = folder.write({ 'main.js': '' }).file('main.js');
    expect(await commitOf(file)).toBeUndefined();
    git('init');
    expect(await commitOf(file)).toBeUndefined();
    expect(await commitOf(folder.file('none/main.js'))).toBeUndefined();
    expect(await commitOf('\0')).toBeUndefined();
  });

  it('is where the work tree stands, and says whether it differs', async () => {
    const file = folder
      .write({ 'deep/main.js': '', '.gitignore': 'ignored.js' })
      .file('deep/main.js');
    git('init');
    git('add', '.');
    git('commit', '--message', 'First');
    const commit = git('rev-parse', 'HEAD');
    expect(await commitOf(file)).toEqual({ commit, isDirty: false });
    const ignored = folder.write({ 'ignored.js': '' }).file('ignored.js');
    expect(await commitOf(file)).toEqual({ commit, isDirty: false });
    expect(await commitOf(ignored)).toEqual({ commit, isDirty: true });
    folder.write({ 'new.js': '' });
    expect(await commitOf(file)).toEqual({ commit, isDirty: true });
  });

  it('is none where there is no git', async () => {
    const file = folder.write({ 'main.js': '' }).file('main.js');
    git('init');
    const { PATH } = process.env;
    process.env.PATH = folder.path;
    try {
      expect(await commitOf(file)).toBeUndefined();
    } finally {
      process.env.PATH = PATH;
    }
  });

  it('is of the file’s repository, also in a hook of another', async () => {
    const file = folder.write({ 'main.js': '' }).file('main.js');
    process.env.GIT_DIR = `${__dirname}/../../../.git`;
    try {
      expect(await commitOf(file)).toBeUndefined();
    } finally {
      delete process.env.GIT_DIR;
    }
  });
});
