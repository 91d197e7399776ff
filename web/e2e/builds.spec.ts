import { expectAccessible } from './accessible';
import { expect, freshName, gitHost, runToEnd, test } from './portal';

test('a new service shows its builds, and runs one again', async ({ portal: page, request }) => {
  const name = freshName('built');
  const repoUrl = `${await gitHost(request)}?owner=demo&repo=${name}`;
  const owner = 'group:default/platform';
  await runToEnd(request, 'golden-path', { name, description: 'What the browser tests build', owner, repoUrl });
  await page.goto(`/catalog/default/component/${name}`);
  const builds = page.getByRole('region', { name: 'Builds' });

  await test.step('the push has started a build, which ends', async () => {
    await expect(builds.getByRole('link', { name: /^ci/ })).toBeVisible();
    await expect(builds).toContainText('main');
    await expect(builds).toContainText('by portico');
    await expect(builds).toContainText('Succeeded', { timeout: 40_000 });
  });

  await test.step('its jobs are shown on demand', async () => {
    await expect(builds.getByRole('link', { name: /^test/ })).toHaveCount(0);
    await builds.getByRole('button', { name: 'Jobs of ci' }).click();
    await expect(builds.getByRole('link', { name: /^test/ })).toBeVisible();
    await expectAccessible(page);
  });

  await test.step('it is run again', async () => {
    await builds.getByRole('button', { name: 'Run again: ci' }).click();
    await expect(builds).toContainText(/Queued|Running/);
    await expect(builds.getByRole('button', { name: 'Run again: ci' })).toHaveCount(0);
  });

  await test.step('there is no card for pull requests, of which there are none', async () => {
    await expect(page.getByRole('region', { name: 'Open pull requests' })).toHaveCount(0);
  });
});
