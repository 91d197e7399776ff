import { expect, runToEnd, test } from './portal';

for (const [from, to] of [
  ['/api-docs', '/catalog?kind=api'],
  ['/search?query=tracking', '/catalog?q=tracking'],
  ['/create/tasks', '/runs'],
  ['/create/templates/golden-path', '/create/templates/default/golden-path'],
  ['/catalog/default/group/platform/docs', '/catalog/default/group/platform'],
  ['/catalog-graph?rootEntityRefs%5B%5D=group:default/platform', '/catalog/default/group/platform'],
] as const) {
  test(`Backstage’s ${from} leads to ${to}`, async ({ portal: page, baseURL }) => {
    await page.goto(from);
    await expect(page).toHaveURL(`${baseURL}${to}`);
    await expect(page.getByRole('heading', { level: 1 })).not.toHaveText(/There is no/);
  });
}

for (const [address, title] of [
  ['/create/edit', 'Templates are not edited in the portal'],
  ['/catalog-graph', 'The catalog is not shown as a graph'],
  ['/catalog-import', 'Nothing is registered through the portal'],
  ['/docs/default/component/shop', 'Documentation is not shown in the portal'],
  ['/settings', 'There is no page for settings'],
] as const) {
  test(`${address} says what to do instead`, async ({ portal: page }) => {
    await page.goto(address);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(title);
  });
}

test('the page of a run fits the window, and its log shows no directory of the worker', async ({
  portal: page,
  request,
}) => {
  await page.setViewportSize({ width: 1440, height: 900 });
  const run = await runToEnd(request, 'step-tour', { rest: 0 });
  await page.goto(`/runs/${run}`);
  await expect(page.getByRole('log')).toContainText('Run completed');
  await expect(page.getByRole('log')).not.toContainText('/portico');
  const scrolled = await page.evaluate(() =>
    [document.documentElement, ...document.querySelectorAll('main, main *')]
      .filter((element) => element.scrollHeight > element.clientHeight && element.clientHeight > 0)
      .filter(
        (element) => element === document.documentElement || /auto|scroll/.test(getComputedStyle(element).overflowY),
      )
      .filter((element) => element.getAttribute('role') !== 'log')
      .map((element) => `${element.tagName} ${element.className}: ${element.scrollHeight} in ${element.clientHeight}`),
  );
  expect(scrolled).toEqual([]);
});
