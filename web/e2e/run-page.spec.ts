import { expect, freshName, gitHost, runToEnd, test } from './portal';

const windows = [
  { width: 1440, height: 900 },
  { width: 1366, height: 768 },
  { width: 1280, height: 720 },
];

test('the page of a run fits the window: only its log scrolls', async ({ portal: page, request }) => {
  const name = freshName('fits');
  const runs = [
    await runToEnd(request, 'step-tour', { rest: 0 }),
    await runToEnd(request, 'step-tour', { rest: 0, ending: 'badly' }),
    await runToEnd(request, 'golden-path', {
      name,
      description: 'Made to be looked at',
      owner: 'group:default/platform',
      repoUrl: `${await gitHost(request)}?owner=demo&repo=${name}`,
    }),
  ];
  for (const run of runs) {
    for (const size of windows) {
      await page.setViewportSize(size);
      await page.goto(`/runs/${run}`);
      await expect(page.getByRole('log')).toContainText(/Beginning step|Run completed/);
      const scrolled = () =>
        page.evaluate(() =>
          [document.documentElement, ...document.querySelectorAll('main, main *')]
            .filter(
              (element) =>
                element.clientHeight > 0 &&
                (element.scrollHeight > element.clientHeight || element.scrollWidth > element.clientWidth),
            )
            .filter(
              (element) =>
                element === document.documentElement || /auto|scroll/.test(getComputedStyle(element).overflowY),
            )
            .filter((element) => element.getAttribute('role') !== 'log')
            .map(
              ({ tagName, id, scrollHeight, clientHeight, scrollWidth, clientWidth }) =>
                `${tagName}#${id}: ${scrollWidth} x ${scrollHeight} in ${clientWidth} x ${clientHeight}`,
            ),
        );
      // The layout changes until everything is loaded.
      await expect.poll(scrolled, `${run} at ${size.width} x ${size.height}`).toEqual([]);
    }
  }
});

test('a log shows no directory of the worker', async ({ portal: page, request }) => {
  const name = freshName('paths');
  const run = await runToEnd(request, 'golden-path', {
    name,
    description: 'Made to be read',
    owner: 'group:default/platform',
    repoUrl: `${await gitHost(request)}?owner=demo&repo=${name}`,
  });
  await page.goto(`/runs/${run}`);
  const log = page.getByRole('log');
  await page.getByRole('searchbox', { name: 'Find in the log' }).fill('written to');
  await expect(log.locator('mark').first()).toBeVisible();
  await expect(log).not.toContainText(/written to \//);
});
