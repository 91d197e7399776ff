import { expectAccessible } from './accessible';
import { expect, test } from './portal';

test('relations are walked as a picture, by keyboard, and the address has the choices', async ({ portal: page }) => {
  await page.goto('/catalog/default/api/tracking');
  const tabs = page.getByRole('navigation', { name: 'Parts of the entity' });
  await tabs.getByRole('link', { name: 'Relations' }).focus();
  await page.keyboard.press('Enter');
  const picture = page.getByRole('group', { name: 'Relations as a picture' });
  const root = picture.locator('a[aria-current=page]');
  await expect(root).toHaveAttribute('title', /^api:default\/tracking:/);
  await expectAccessible(page);

  await page.getByLabel('Depth').selectOption('3');
  await expect(page).toHaveURL(/depth=3/);
  await page.getByRole('checkbox', { name: 'Groups' }).uncheck();
  await expect(page).toHaveURL(/hide=group/);
  await expect(picture.locator('a[data-node^="group:"]')).toHaveCount(0);

  await root.focus();
  await page.keyboard.press('ArrowRight');
  const focused = picture.locator('a:focus');
  await expect(focused).not.toHaveAttribute('aria-current', 'page');
  const next = (await focused.getAttribute('data-node')) ?? '';
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(`/${next.split('/').at(-1)}\\?.*depth=3`));
  await expect(page).toHaveURL(/hide=group/);
  await expect(root).toHaveAttribute('data-node', next);
  await page.goBack();
  await expect(root).toHaveAttribute('title', /^api:default\/tracking:/);
});

test('relations are a list in words', async ({ portal: page }) => {
  await page.goto('/catalog/default/api/tracking?tab=relations');
  await page.getByRole('checkbox', { name: 'As a list' }).check();
  await expect(page).toHaveURL(/view=list/);
  const owner = page
    .getByRole('listitem')
    .filter({ hasText: /^owned by/ })
    .first();
  await expect(owner.getByRole('link').first()).toHaveAttribute(
    'href',
    /tab=relations.*view=list|view=list.*tab=relations/,
  );
  await expectAccessible(page);
});

test('what is not to be seen is shown as such, and is no link', async ({ portal: page }) => {
  await page.route('**/api/catalog/entities/by-refs', async (route) => {
    const response = await route.fetch();
    const { items } = await response.json();
    await route.fulfill({ response, json: { items: items.map(() => null) } });
  });
  await page.goto('/catalog/default/api/tracking?tab=relations');
  await expect(page.getByRole('status').filter({ hasText: 'not in the catalog, or not for you to see' })).toBeVisible();
  const picture = page.getByRole('group', { name: 'Relations as a picture' });
  await expect(picture.locator('a[href]')).toHaveCount(1);
  await expectAccessible(page);
});

test('500 entities are drawn, scrolled and walked without a stutter', async ({ portal: page }) => {
  const crowd = Array.from({ length: 499 }, (_, index) => `component:default/crowd-${index}`);
  await page.route('**/api/catalog/entities/by-name/api/default/tracking', async (route) => {
    const response = await route.fetch();
    const entity = await response.json();
    const relations = crowd.slice(0, 60).map((targetRef) => ({ type: 'dependsOn', targetRef }));
    await route.fulfill({ response, json: { ...entity, relations } });
  });
  await page.route('**/api/catalog/entities/by-refs', async (route) => {
    const { entityRefs } = route.request().postDataJSON();
    const items = entityRefs.map((ref: string) => {
      const name = ref.replace(/.*\//, '');
      const index = Number(name.replace(/\D+/g, ''));
      const targets = Array.from({ length: 8 }, (_, at) => crowd[(index * 8 + at + 1) % crowd.length]);
      return {
        kind: 'Component',
        metadata: { name, namespace: 'default' },
        relations: targets.map((targetRef) => ({ type: 'dependsOn', targetRef })),
      };
    });
    await route.fulfill({ json: { items } });
  });
  await page.goto('/catalog/default/api/tracking?tab=relations&depth=4');
  const picture = page.getByRole('group', { name: 'Relations as a picture' });
  await expect(picture.locator('a')).toHaveCount(500);
  const frames = await picture.evaluate(async (element) => {
    const times: number[] = [];
    let last = performance.now();
    for (let frame = 0; frame < 90; frame++) {
      element.scrollLeft += 25;
      element.scrollTop += 12;
      await new Promise((next) => requestAnimationFrame(next));
      const now = performance.now();
      times.push(now - last);
      last = now;
    }
    return times.toSorted((a, b) => a - b);
  });
  const keys = await picture.evaluate(async (element) => {
    element.querySelector<HTMLElement>('a[aria-current]')?.focus();
    const times: number[] = [];
    for (const key of ['ArrowRight', 'ArrowDown', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'ArrowLeft']) {
      const start = performance.now();
      document.activeElement?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
      await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
      times.push(performance.now() - start);
    }
    return times;
  });
  const report = `frames: median ${frames[45]?.toFixed(1)}, 95 % ${frames[85]?.toFixed(1)} ms; keys: ${keys.map((time) => time.toFixed(0)).join(' ')} ms`;
  test.info().annotations.push({ type: 'measured', description: report });
});
