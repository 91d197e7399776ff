import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from './portal';
import { freePort, startPortico } from './setup';

// A change that is pushed to a repository, of which the host tells by a webhook. The local forge delivers no events, so
// the test sends GitHub's.
test.describe.configure({ timeout: 180_000 });

const secret = 'what only the host and Portico know';
let folder: string;
let portico: Awaited<ReturnType<typeof startPortico>>;

test.beforeAll(async () => {
  test.setTimeout(240_000);
  folder = mkdtempSync(join(tmpdir(), 'portico-pushed-'));
  const config = join(folder, 'events.json');
  writeFileSync(config, JSON.stringify({ events: { modules: { github: { webhookSecret: secret } } } }));
  portico = await startPortico(['examples/app-config.yaml', config], 'template/default/golden-path', await freePort());
});

test.afterAll(async () => {
  await portico?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('a pushed change is on the page of its entity when the host has told of it', async ({
  portal: page,
  playwright,
}, info) => {
  const session = await page.request.post(`${portico.url}/api/auth/guest/refresh`, {
    headers: { 'X-Requested-With': 'XMLHttpRequest' },
  });
  const { token } = (await session.json()).backstageIdentity;
  const api = await playwright.request.newContext({
    baseURL: portico.url,
    extraHTTPHeaders: { Authorization: `Bearer ${token}` },
  });
  const { integrations } = await (await api.get('/api/portico/v1/info')).json();
  const host: string = integrations[0].host;
  const made = await api.post('/api/scaffolder/v2/tasks', {
    data: {
      templateRef: 'template:default/golden-path',
      values: {
        name: 'pushed',
        description: 'As it was made',
        owner: 'group:default/platform',
        repoUrl: `${host}?owner=demo&repo=pushed`,
      },
    },
  });
  expect(made.status()).toBe(201);
  const entity = `${portico.url}/catalog/default/component/pushed`;
  await expect
    .poll(async () => (await api.get('/api/catalog/entities/by-name/component/default/pushed')).status(), {
      timeout: 60_000,
    })
    .toBe(200);
  await page.goto(entity);
  await expect(page.getByText('As it was made')).toBeVisible();

  const { before, after } = push(host, 'As it was pushed');
  const started = Date.now();
  const body = JSON.stringify({
    ref: 'refs/heads/main',
    before,
    after,
    repository: {
      name: 'pushed',
      full_name: 'demo/pushed',
      html_url: `http://${host}/demo/pushed`,
      clone_url: `http://${host}/demo/pushed.git`,
      default_branch: 'main',
      owner: { login: 'demo', name: 'demo' },
    },
    commits: [{ id: after, added: [], removed: [], modified: ['catalog-info.yaml'] }],
  });
  const sent = await api.post('/api/events/http/github', {
    headers: {
      'Content-Type': 'application/json',
      'X-GitHub-Event': 'push',
      'X-GitHub-Delivery': '5f0b1f9e-0000-4000-8000-000000000001',
      'X-Hub-Signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
    },
    data: Buffer.from(body),
  });
  expect(sent.status()).toBe(202);
  await expect(async () => {
    await page.reload();
    await expect(page.getByText('As it was pushed')).toBeVisible({ timeout: 500 });
  }).toPass({ intervals: [50], timeout: 15_000 });
  info.annotations.push({ type: 'from the event to the page', description: `${Date.now() - started} ms` });
  await api.dispose();
});

/** Pushes another description to the repository, and returns the commits before and after it. */
function push(host: string, description: string): { before: string; after: string } {
  const password = readFileSync(join(portico.data, 'forge', 'token'), 'utf8');
  const clone = join(folder, 'clone');
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Test', '-c', 'user.email=test@example.com', ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
  git('clone', '--quiet', `http://x-access-token:${password}@${host}/demo/pushed.git`, clone);
  const before = git('-C', clone, 'rev-parse', 'HEAD');
  const descriptor = join(clone, 'catalog-info.yaml');
  writeFileSync(descriptor, readFileSync(descriptor, 'utf8').replace('As it was made', description));
  git('-C', clone, 'commit', '--quiet', '--all', '--message', 'Say what it is now');
  git('-C', clone, 'push', '--quiet');
  return { before, after: git('-C', clone, 'rev-parse', 'HEAD') };
}
