import { expectAccessible } from './accessible';
import { expect, test } from './portal';

const commit = '0123456789abcdef0123456789abcdef01234567';

const shop = {
  instance: 'main',
  namespace: 'argocd',
  name: 'quote-service',
  project: 'quotes',
  url: 'https://argocd.example.com/applications/argocd/quote-service',
  destination: { cluster: 'in-cluster', namespace: 'quotes' },
  sync: 'OutOfSync',
  health: 'Degraded',
  healthMessage: 'back-off restarting failed container',
  revisions: [
    {
      id: commit,
      url: `https://git.example.com/acme/quotes/commit/${commit}`,
      repository: 'https://git.example.com/acme/quotes',
    },
  ],
  images: ['registry.example.com/quotes:1.4.0'],
  conditions: [{ type: 'ComparisonError', message: 'deploy: app path does not exist', at: '2026-01-02T03:04:05Z' }],
  operation: {
    phase: 'Failed',
    message: 'one or more objects failed to apply',
    by: 'ada',
    finishedAt: '2026-01-02T03:04:05Z',
  },
  history: [{ id: 1, deployedAt: '2026-01-01T03:04:05Z', by: 'Argo CD', revisions: [{ id: commit }] }],
};

test('the page of an entity shows its applications in Argo CD, and what is wrong with them', async ({
  portal: page,
}) => {
  await page.route('**/api/catalog/entities/by-name/component/default/quote-service', async (route) => {
    const entity = await (await route.fetch()).json();
    entity.metadata.annotations['argocd/app-name'] = 'quote-service';
    await route.fulfill({ json: entity });
  });
  await page.route('**/by-name/component/default/quote-service/argocd', (route) =>
    route.fulfill({ json: { items: [shop], problems: [{ source: 'prod', message: 'it does not answer' }] } }),
  );
  await page.goto('/catalog/default/component/quote-service');
  const card = page.getByRole('region', { name: 'Argo CD' });
  const application = card.getByRole('article', { name: 'quote-service' });
  await expect(application).toContainText('Out of sync');
  await expect(application).toContainText('Degraded');
  await expect(application.getByRole('list', { name: 'What Argo CD reports' })).toContainText(
    'app path does not exist',
  );
  await expect(application.getByRole('link', { name: /^0123456/ })).toHaveAttribute('href', /commit/);
  await expect(card).toContainText('prod: it does not answer');
  await application.getByText('History').focus();
  await page.keyboard.press('Enter');
  await expect(application).toContainText('by Argo CD');
  await expectAccessible(page);
});
