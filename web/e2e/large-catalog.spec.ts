import { expect, test } from './portal';

const total = 50_000;

test('50,000 rows scroll without a stutter, and the last is as near as the first', async ({ portal: page }) => {
  const offsets: number[] = [];
  await page.route('**/api/catalog/entities/by-query?**', async (route) => {
    const { searchParams } = new URL(route.request().url());
    const offset = Number(searchParams.get('offset') ?? 0);
    const limit = Number(searchParams.get('limit'));
    offsets.push(offset);
    const items = Array.from({ length: Math.min(limit, total - offset) }, (_, index) => ({
      apiVersion: 'backstage.io/v1alpha1',
      kind: 'Component',
      metadata: { name: `row-${offset + index}`, namespace: 'default', description: 'One of very many' },
      spec: { type: 'service', lifecycle: 'production' },
      relations: [{ type: 'ownedBy', targetRef: 'group:default/platform' }],
    }));
    await route.fulfill({ json: { items, totalItems: total, pageInfo: {} } });
  });
  await page.goto('/catalog?kind=component');
  const table = page.getByRole('table', { name: 'Entities' });
  await expect(table.getByRole('link', { name: 'row-0', exact: true })).toBeVisible();
  await expect(table).toHaveAttribute('aria-rowcount', String(total));

  const frames = await page.evaluate(async () => {
    const times: number[] = [];
    let last = performance.now();
    for (let frame = 0; frame < 120; frame++) {
      window.scrollBy(0, 180);
      await new Promise((next) => requestAnimationFrame(next));
      const now = performance.now();
      times.push(now - last);
      last = now;
    }
    return times.toSorted((a, b) => a - b);
  });
  await page.keyboard.press('End');
  await expect(table.getByRole('link', { name: `row-${total - 1}`, exact: true })).toBeVisible();
  expect(offsets.length).toBeLessThan(30);
  // Opened and left again, the list is where it was.
  await table.getByRole('link', { name: `row-${total - 1}`, exact: true }).click();
  await expect(table).toBeHidden();
  await page.goBack();
  await expect(table.getByRole('link', { name: `row-${total - 1}`, exact: true })).toBeVisible();

  const report = `frames: median ${frames[60]?.toFixed(1)}, 95 % ${frames[114]?.toFixed(1)}, longest ${frames[119]?.toFixed(1)} ms`;
  test.info().annotations.push({ type: 'measured', description: report });
});
