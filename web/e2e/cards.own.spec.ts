import type { Page } from '@playwright/test';
import { expectAccessible } from './accessible';
import { expect, runToEnd, test } from './portal';
import { startPorticoWith } from './setup';

// The cards of an entity, with a real API server of Kubernetes and a real Vault. No node runs pods, so what a node
// would say is put into the answers at the edge of the page.
// The first test deploys what the others look at.
test.describe.configure({ mode: 'serial' });
test.skip(!process.env.PORTICO_KUBE || !process.env.PORTICO_VAULT, 'make test-browser builds the servers');

let portico: { url: string; stop: () => Promise<void> };

test.beforeAll(async () => {
  test.setTimeout(240_000);
  portico = await startPorticoWith(
    ['kubernetes', 'vault'],
    'web/e2e/cards/app-config.yaml',
    'template/default/deploy-parcels',
  );
});

test.afterAll(() => portico?.stop());

const objects = '**/api/kubernetes/resources/workloads/query';

/** Lets the pod of the real answer be one that crashes. */
async function letItCrash(page: Page): Promise<void> {
  await page.route(objects, async (route) => {
    const response = await route.fetch();
    const answer = await response.json();
    for (const kind of answer.items[0]?.resources ?? []) {
      if (kind.type === 'pods') Object.assign(kind.resources[0].status, crashed);
    }
    await route.fulfill({ response, json: answer });
  });
  await page.route('**/api/kubernetes/proxy/**', (route) => {
    const { searchParams } = new URL(route.request().url());
    return route.fulfill({
      contentType: 'text/plain',
      body: searchParams.has('previous') ? 'panic: no parcels\n' : 'counting parcels\n',
    });
  });
}

const crashed = {
  phase: 'Running',
  startTime: new Date(Date.now() - 300_000).toISOString(),
  containerStatuses: [
    {
      name: 'main',
      ready: false,
      restartCount: 3,
      state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s restarting failed container' } },
      lastState: { terminated: { reason: 'OOMKilled', exitCode: 137 } },
    },
  ],
};

test('a service comes alive on its page, and its secrets stay secret', async ({ portal: page, playwright }) => {
  await page.goto(`${portico.url}/catalog/default/component/plain`);
  await expect(page.getByRole('region', { name: 'About' })).toBeVisible();
  await expect(page.getByRole('heading', { level: 2 })).toHaveText(['About', 'Relations']);

  await page.goto(`${portico.url}/catalog/default/component/parcels`);
  const vault = page.getByRole('region', { name: 'Secrets in Vault' });
  await expect(vault).toContainText('there is no such secrets engine in Vault');
  await expect(page.getByRole('region', { name: 'Kubernetes' })).toHaveCount(0);

  const request = await playwright.request.newContext({ baseURL: portico.url });
  await runToEnd(request, 'deploy-parcels', {});
  await request.dispose();
  const kubernetes = page.getByRole('region', { name: 'Kubernetes' });
  await expect(kubernetes.getByRole('heading', { name: 'Deployment parcels' })).toBeVisible({ timeout: 30_000 });
  await expect(kubernetes).toContainText('0 of 2 ready');
  await expect(kubernetes.getByRole('row', { name: /parcels-1 Pending/ })).toBeVisible();
  await expect(kubernetes).toContainText('Also there: 1 service.');
  await expect(vault.getByRole('link', { name: 'parcels/mail/smtp' })).toHaveAttribute(
    'href',
    /\/ui\/vault\/secrets\/parcels\/show\/mail\/smtp$/,
    { timeout: 30_000 },
  );
  await expect(page.getByText('hunter2')).toHaveCount(0);
  await expectAccessible(page);
});

test('a pod that crashes says why, and its logs are read by keyboard', async ({ portal: page }) => {
  await letItCrash(page);
  await page.goto(`${portico.url}/catalog/default/component/parcels`);
  const wrong = page.getByRole('list', { name: 'What is wrong' });
  await expect(wrong.getByRole('listitem')).toHaveCount(2);
  await expect(wrong).toContainText('CrashLoopBackOff Pod parcels-1, container main');
  await expect(wrong).toContainText('The last time, it used more memory than its limit allows.');

  const open = wrong.getByRole('button', { name: 'Log of Pod parcels-1, container main' }).first();
  await open.focus();
  await page.keyboard.press('Enter');
  const log = page.getByRole('dialog', { name: 'Log of parcels-1' });
  await expect(log).toContainText('panic: no parcels');
  await expectAccessible(page);
  await log.getByRole('checkbox', { name: 'Before the last restart' }).focus();
  await page.keyboard.press('Space');
  await expect(log).toContainText('counting parcels');
  await page.keyboard.press('Escape');
  await expect(log).toHaveCount(0);
  await expect(open).toBeFocused();

  await page.setViewportSize({ width: 320, height: 640 });
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.body.clientWidth);
  expect(over).toBeLessThanOrEqual(0);
});

test('a cluster that cannot be asked says so, and is asked again', async ({ portal: page }) => {
  await page.route(objects, (route) =>
    route.fulfill({
      json: {
        items: [
          {
            cluster: { name: 'prod' },
            resources: [],
            podMetrics: [],
            errors: [{ errorType: 'FETCH_ERROR', message: 'reading pods: the cluster prod could not be reached' }],
          },
        ],
      },
    }),
  );
  await page.goto(`${portico.url}/catalog/default/component/parcels`);
  const kubernetes = page.getByRole('region', { name: 'Kubernetes' });
  await expect(kubernetes.getByRole('listitem')).toHaveText('prod: the cluster prod could not be reached');
  await page.unroute(objects);
  await kubernetes.getByRole('button', { name: 'Try again' }).click();
  await expect(kubernetes.getByRole('heading', { name: 'Deployment parcels' })).toBeVisible();
});
