import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const repository = resolve(import.meta.dirname, '../..');
const startTimeout = 180_000;
const stopTimeout = 40_000;

/**
 * Starts the binary with the examples, unless BASE_URL names a running Portico. The result stops it and
 * removes its data.
 */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env.BASE_URL) return undefined;
  const portico = await startPortico(['examples/app-config.yaml'], 'template/default/golden-path', await freePort());
  process.env.BASE_URL = portico.url;
  return portico.stop;
}

/** A Portico of one test's own, and the directory of its data. `stop` removes that. */
interface Started {
  url: string;
  data: string;
  stop: () => Promise<void>;
}

/** Starts the binary with configurations and flags, on a port, and waits until it serves an entity to the guest. */
export async function startPortico(configs: readonly string[], entity: string, port: number): Promise<Started> {
  return start(configs, [], port, (url) => serves(url, entity));
}

/** Starts the binary with further parts, such as kubernetes, and waits until it serves an entity to the guest. */
export async function startPorticoWith(parts: readonly string[], config: string, entity: string): Promise<Started> {
  return start([config], ['--with', parts.join(',')], await freePort(), (url) => serves(url, entity));
}

/** Starts the binary with the example people, and waits until it is ready. */
export async function startWithUsers(port: number): Promise<Started> {
  return start(['examples/app-config.yaml'], ['--users'], port, async (url) => {
    const probe = await fetch(`${url}/.backstage/health/v1/readiness`);
    return probe.ok;
  });
}

async function start(
  configs: readonly string[],
  flags: readonly string[],
  port: number,
  isUp: (url: string) => Promise<boolean>,
): Promise<Started> {
  const binary = resolve(repository, process.env.PORTICO_BINARY ?? 'bin/portico');
  if (!existsSync(binary)) throw new Error(`${binary} is not there: run \`make build\` first, or set BASE_URL.`);
  const data = mkdtempSync(join(process.env.PORTICO_TEST_DATA ?? tmpdir(), 'portico-e2e-'));
  const portico = spawn(
    binary,
    ['dev', ...configs.flatMap((config) => ['--config', config]), ...flags, '--data', data, '--port', String(port)],
    { cwd: repository, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const stop = async () => {
    await ended(portico);
    rmSync(data, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    await ready(url, portico, isUp);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, data, stop };
}

export function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const probe = createServer();
    probe.once('error', failed);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => (address && typeof address === 'object' ? found(address.port) : failed(new Error('no port'))));
    });
  });
}

/** Waits until the process is up. */
async function ready(base: string, portico: ChildProcess, isUp: (url: string) => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + startTimeout;
  while (Date.now() < deadline) {
    if (portico.exitCode !== null) throw new Error(`portico dev ended with status ${portico.exitCode}`);
    if (await isUp(base).catch(() => false)) return;
    await new Promise((resume) => setTimeout(resume, 300));
  }
  throw new Error(`portico dev was not up within ${startTimeout / 1000} s`);
}

/** Whether an entity is in the catalog, which readiness does not check. */
async function serves(base: string, entity: string): Promise<boolean> {
  const session = await fetch(`${base}/api/auth/guest/refresh`, {
    method: 'POST',
    headers: { 'X-Requested-With': 'XMLHttpRequest' },
  });
  const { backstageIdentity } = await session.json();
  const answer = await fetch(`${base}/api/catalog/entities/by-name/${entity}`, {
    headers: { Authorization: `Bearer ${backstageIdentity.token}` },
  });
  return answer.ok;
}

export function ended(portico: ChildProcess): Promise<void> {
  return new Promise((resume) => {
    if (portico.exitCode !== null) return resume();
    const force = setTimeout(() => portico.kill('SIGKILL'), stopTimeout);
    portico.once('exit', () => {
      clearTimeout(force);
      resume();
    });
    portico.kill('SIGTERM');
  });
}
