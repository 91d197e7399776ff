import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Locator, Page } from '@playwright/test';
import { expectAccessible, expectNothingCutOff } from './accessible';
import { hostilePages, hostileSite } from './docs/hostile';
import { expect, test } from './portal';
import { freePort, startPortico } from './setup';

// The reader, with a site that the real MkDocs made, and one whose author means ill. Both were published by somebody else.
test.describe.configure({ timeout: 120_000 });

let folder: string;
let portico: Awaited<ReturnType<typeof startPortico>>;

test.beforeAll(async () => {
  test.setTimeout(240_000);
  folder = mkdtempSync(join(tmpdir(), 'portico-docs-'));
  const published = join(folder, 'published');
  cpSync(join(import.meta.dirname, 'docs/fixtures/mkdocs'), join(published, 'default/component/harbour'), {
    recursive: true,
  });
  for (const [path, content] of Object.entries(hostileSite)) {
    const file = join(published, 'default/component/hostile', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  writeFileSync(join(folder, 'entities.yaml'), entities);
  writeFileSync(join(folder, 'config.json'), JSON.stringify(configuration(published)));
  portico = await startPortico([join(folder, 'config.json')], 'component/default/harbour', await freePort());
});

test.afterAll(async () => {
  await portico?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const entities = `
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: { name: harbour, title: The harbour, description: Where parcels come in, annotations: { backstage.io/techdocs-ref: "dir:." } }
spec: { type: service, lifecycle: production, owner: group:default/kestrel }
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: { name: hostile, annotations: { backstage.io/techdocs-ref: "dir:." } }
spec: { type: service, lifecycle: production, owner: user:development/guest }
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: { name: unbuilt, annotations: { backstage.io/techdocs-ref: "dir:." } }
spec: { type: service, lifecycle: production, owner: group:default/kestrel }
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: { name: crane, annotations: { backstage.io/techdocs-entity: "component:default/harbour", backstage.io/techdocs-entity-path: /guides/code } }
spec: { type: service, lifecycle: production, owner: group:default/kestrel }
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: { name: kestrel, title: Kestrel }
spec: { type: team, children: [] }
`;

function configuration(publishDirectory: string) {
  return {
    auth: { providers: { guest: {} } },
    techdocs: { builder: 'external', publisher: { type: 'local', local: { publishDirectory } } },
    catalog: {
      locations: [
        { type: 'file', target: join(folder, 'entities.yaml'), rules: [{ allow: ['Component', 'Group', 'User'] }] },
      ],
    },
  };
}

const reader = (page: Page): Locator => page.getByTestId('article');

async function open(page: Page, path = '', name = 'harbour'): Promise<void> {
  await page.goto(`${portico.url}/docs/default/component/${name}/${path}`);
}

test('the documented entities are listed, the own ones first', async ({ portal: page }) => {
  await page.goto(`${portico.url}/docs`);
  await expect(page.getByRole('region', { name: 'Yours' }).getByRole('listitem')).toHaveText(/hostile/);
  const others = page.getByRole('region', { name: 'All others' });
  await expect(others.getByRole('listitem')).toHaveCount(3);
  await others.getByRole('link', { name: 'The harbour' }).click();
  await expect(reader(page).getByRole('heading', { level: 1, name: 'Harbour' })).toBeVisible();
  // The name of the site, which stands before the entity, comes later than the page.
  await expect(page.getByRole('link', { name: 'Harbour', exact: true })).toBeVisible();
  await page.getByRole('link', { name: 'The harbour' }).click();
  await page.getByRole('navigation', { name: 'Parts of the entity' }).getByRole('link', { name: 'Docs' }).click();
  await expect(page).toHaveURL(/\/docs\/default\/component\/harbour$/);
  await expect(reader(page).getByRole('heading', { level: 1, name: 'Harbour' })).toBeVisible();
});

test('pages follow each other without loading the portal again', async ({ portal: page }) => {
  await open(page);
  await page.evaluate(() => Object.assign(window, { same: true }));
  await reader(page).getByRole('link', { name: 'getting started' }).click();
  await expect(page).toHaveURL(/\/guides\/start\/#install$/);
  await expect(reader(page).getByRole('heading', { level: 1, name: 'Getting started' })).toBeVisible();
  const pages = page.getByRole('navigation', { name: 'Pages of the documentation' });
  await expect(pages.locator('[aria-current=page]')).toHaveText('Getting started');
  await page.keyboard.press('n');
  await expect(reader(page).getByRole('heading', { level: 1, name: 'Code' })).toBeVisible();
  await page.keyboard.press('p');
  await page.keyboard.press('p');
  await expect(reader(page).getByRole('heading', { level: 1, name: 'Harbour' })).toBeVisible();
  await page.goBack();
  await expect(reader(page).getByRole('heading', { level: 1, name: 'Getting started' })).toBeVisible();
  await reader(page)
    .page()
    .getByRole('navigation', { name: 'Next and previous page' })
    .getByRole('link', { name: /Next/ })
    .click();
  await expect(reader(page).getByRole('heading', { level: 1, name: 'Code' })).toBeVisible();
  await pages.getByRole('link', { name: 'Home' }).click();
  await reader(page).getByRole('link', { name: 'their page' }).click();
  await expect(page).toHaveURL(/\/catalog\/default\/group\/kestrel$/);
  expect(await page.evaluate(() => 'same' in window)).toBe(true);
});

test('an anchor is scrolled to, and the contents say where one is', async ({ portal: page }) => {
  await page.setViewportSize({ width: 1440, height: 400 });
  await open(page, '#sorter');
  await expect(reader(page).getByRole('heading', { name: 'Sorter' })).toBeInViewport();
  await expect(reader(page).getByRole('heading', { level: 1 })).not.toBeInViewport();
  const contents = page.getByRole('navigation', { name: 'On this page' });
  await contents.getByRole('link', { name: 'Who owns it' }).click();
  await expect(page).toHaveURL(/#who-owns-it$/);
  await expect(contents.locator('[aria-current]')).toHaveText('Who owns it');
});

test('pictures are shown, those of other hosts are not asked for', async ({ portal: page }) => {
  const hosts = new Set<string>();
  page.on('request', (request) => hosts.add(new URL(request.url()).origin));
  await open(page);
  const drawn = reader(page).getByRole('img', { name: 'The sign of the harbour' });
  await expect(drawn).toHaveAttribute('src', /^data:image\/svg\+xml/);
  const width = (image: Locator) => image.evaluate((node) => (node as HTMLImageElement).naturalWidth);
  await expect.poll(() => width(drawn)).toBe(120);
  await expect.poll(() => width(reader(page).getByRole('img', { name: 'A dot' }))).toBe(24);
  await open(page, 'reference/everything/');
  await expect(reader(page).getByRole('img', { name: 'smile' })).toHaveText('😄');
  expect([...hosts].filter((host) => host !== portico.url && host !== 'null')).toEqual([]);
});

test('a chosen tab is chosen in all sets and stays chosen', async ({ portal: page }) => {
  await open(page, 'guides/start/');
  await expect(reader(page).getByText('brew install harbour')).toBeVisible();
  await reader(page).locator('label', { hasText: 'Linux' }).first().click();
  await expect(reader(page).getByText('apt-get install harbour')).toBeVisible();
  await expect(reader(page).getByText('Look in /etc.')).toBeVisible();
  await expect(reader(page).getByText('brew install harbour')).toBeHidden();
  await page.reload();
  await expect(reader(page).getByText('Look in /etc.')).toBeVisible();
  await reader(page).getByRole('radio', { name: 'Linux' }).first().press('ArrowLeft');
  await expect(reader(page).getByText('brew install harbour')).toBeVisible();
});

test('code is copied without the numbers of its lines', async ({ portal: page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await open(page, 'guides/code/');
  await reader(page).getByRole('button', { name: 'Copy the code' }).nth(1).focus();
  await page.keyboard.press('Enter');
  await expect(reader(page).getByRole('button', { name: 'Copy the code' }).nth(1)).toHaveText('Copied');
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(
    'def lift(weight: int) -> None:\n    """Lift a parcel."""\n    assert weight < 40_000, f"too heavy: {weight}"',
  );
});

test('diagrams and formulas are drawn, under the policy of the portal', async ({ portal: page }) => {
  await open(page, 'guides/diagrams/');
  await expect(reader(page).getByRole('img', { name: /^Diagram: graph LR/ })).toContainText('sorter');
  await expect(reader(page).getByRole('img', { name: /^Diagram: sequenceDiagram/ })).toContainText('lifting');
  await open(page, 'guides/math/');
  await expect(reader(page).locator('.katex-display')).toBeVisible();
  await expect
    .poll(() =>
      page.evaluate(() =>
        [...document.fonts].some(({ family, status }) => /KaTeX_Math/.test(family) && status === 'loaded'),
      ),
    )
    .toBe(true);
});

test('the search within a site finds sections', async ({ portal: page }) => {
  await open(page, 'guides/code/');
  await expect(reader(page).getByRole('heading', { level: 1 })).toBeVisible();
  await page.keyboard.press('s');
  await page.keyboard.type('crane');
  await expect(page.getByRole('option').first()).toContainText('Crane');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/harbour\/#crane$/);
  await expect(reader(page).getByRole('heading', { name: 'Crane' })).toBeInViewport();
});

test('a selected text is quoted in an issue of its repository', async ({ portal: page }) => {
  await open(page, 'guides/start/');
  await reader(page).getByText('From nothing to the first parcel in ten minutes.').click({ clickCount: 3 });
  const quote = page.getByRole('link', { name: 'Open an issue about this' });
  const address = new URL((await quote.getAttribute('href')) ?? '');
  expect(address.pathname).toBe('/demo/harbour/issues/new');
  expect(address.searchParams.get('body')).toContain('> From nothing to the first parcel in ten minutes.');
  await expect(page.getByRole('link', { name: /Edit this page/ })).toHaveAttribute(
    'href',
    'https://github.com/demo/harbour/edit/main/docs/guides/start.md',
  );
});

test('documentation of another entity is led to', async ({ portal: page }) => {
  await open(page, '', 'crane');
  await expect(page).toHaveURL(/\/docs\/default\/component\/harbour\/guides\/code$/);
  await expect(reader(page).getByRole('heading', { level: 1, name: 'Code' })).toBeVisible();
});

test('what is missing is said, with what to do', async ({ portal: page }) => {
  await open(page, 'no/such/page/');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('There is no page at this address');
  await page
    .getByRole('navigation', { name: 'Pages of the documentation' })
    .getByRole('link', { name: 'Home' })
    .click();
  await expect(reader(page).getByRole('heading', { level: 1, name: 'Harbour' })).toBeVisible();
  await open(page, '', 'unbuilt');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('There is no documentation of unbuilt yet');
});

test('pages are accessible, light and dark', async ({ portal: page }) => {
  test.setTimeout(240_000); // for all pages
  for (const path of [
    '',
    'guides/start/',
    'guides/code/',
    'guides/diagrams/',
    'guides/math/',
    'reference/everything/',
  ]) {
    await page.emulateMedia({ colorScheme: 'light' });
    await open(page, path);
    await expect(reader(page).getByRole('heading', { level: 1 })).toBeVisible();
    await expectAccessible(page);
    await page.emulateMedia({ colorScheme: 'dark' });
    await expectAccessible(page);
  }
  await open(page, '', 'unbuilt');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: 'light' });
  await expectAccessible(page);
});

test('nothing is cut off at 320, 768 and 1920 pixels', async ({ portal: page }) => {
  for (const path of ['', 'guides/start/', 'guides/code/', 'guides/diagrams/', 'reference/everything/']) {
    await expectNothingCutOff(page, async () => {
      await open(page, path);
      await expect(reader(page).getByRole('heading', { level: 1 })).toBeVisible();
    });
  }
});

test('paper has the page alone, with all tabs', async ({ portal: page }) => {
  await open(page, 'guides/start/');
  await expect(reader(page).getByRole('heading', { level: 1 })).toBeVisible();
  await page.emulateMedia({ media: 'print' });
  await expect(page.getByRole('navigation', { name: 'Pages of the documentation' })).toBeHidden();
  await expect(page.getByRole('combobox')).toBeHidden();
  await expect(reader(page).getByText('brew install harbour')).toBeVisible();
  await expect(reader(page).getByText('apt-get install harbour')).toBeVisible();
});

test('a page is there within a tenth of a second', async ({ portal: page }, info) => {
  await open(page);
  await expect(reader(page).getByRole('heading', { level: 1, name: 'Harbour' })).toBeVisible();
  const times: number[] = [];
  for (const [name, title] of [
    ['getting started', 'Getting started'],
    ['code', 'Code'],
  ] as const) {
    await open(page);
    const link = reader(page).getByRole('link', { name, exact: true });
    await link.waitFor();
    times.push(await link.evaluate(follow, title));
  }
  info.annotations.push({
    type: 'from the click to the page',
    description: times.map((time) => `${Math.round(time)} ms`).join(', '),
  });
});

/** Clicks a link, and returns the milliseconds until the article has a title. */
function follow(link: Element, title: string): Promise<number> {
  const root = link.getRootNode() as ShadowRoot;
  const begun = performance.now();
  return new Promise((resolve) => {
    new MutationObserver(() => {
      if (root.querySelector('h1')?.textContent?.startsWith(title)) resolve(performance.now() - begun);
    }).observe(root, { childList: true, subtree: true });
    (link as HTMLElement).click();
  });
}

test.describe('an author who means ill', () => {
  // Without the portal's policy, which would stop most of it, so that the sanitizer is what is tested.
  test.use({ bypassCSP: true });

  async function expectInert(page: Page, path: string): Promise<void> {
    expect(await page.evaluate(() => (window as { pwned?: string }).pwned), path).toBeUndefined();
    const found = await reader(page).evaluate((host) => {
      const bad: string[] = [];
      for (const element of host.shadowRoot?.querySelectorAll('*') ?? []) {
        const isDrawing = element.localName === 'style' && element.closest('.diagram') !== null;
        const forbidden = [
          'script',
          'iframe',
          'object',
          'embed',
          'form',
          'style',
          'link',
          'meta',
          'base',
          'template',
          'use',
        ];
        if (forbidden.includes(element.localName) && !isDrawing) bad.push(element.outerHTML);
        for (const { name, value } of element.attributes) {
          const isScript = /^(?:java|vb)script:|^data:text/i.test(value.replace(/[^\x21-\x7e]/g, ''));
          if (name.startsWith('on') || isScript) bad.push(`${element.localName} ${name}=${value}`);
        }
      }
      return bad;
    });
    expect(found, path).toEqual([]);
  }

  async function clickEverything(page: Page): Promise<void> {
    await reader(page).evaluate((host) => {
      for (const element of host.shadowRoot?.querySelectorAll<HTMLElement>('a, button, area, summary, [class*=node]') ??
        []) {
        if (element.getAttribute('target') === '_blank') element.removeAttribute('target');
        element.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true }));
      }
    });
  }

  test('every piece of HTML is inert', async ({ portal: page }) => {
    for (const path of ['', 'bare/', 'diagrams/', 'formulas/', 'pictures/', ...hostilePages]) {
      await open(page, path, 'hostile');
      await expect(reader(page).getByRole('heading', { level: 1 })).toBeVisible();
      if (path === 'diagrams/') await expect(reader(page).locator('.diagram').first()).toBeVisible();
      if (path === 'formulas/') await expect(reader(page).locator('.katex').first()).toBeVisible();
      await expectInert(page, path);
      if (path.startsWith('one/') || path.endsWith('s/')) {
        await clickEverything(page);
        await page.waitForTimeout(20);
        expect(await page.evaluate(() => (window as { pwned?: string }).pwned), path).toBeUndefined();
      }
    }
  });

  test('what covers the portal stays within the article', async ({ portal: page }) => {
    await open(page, '', 'hostile');
    await expect(reader(page).getByText('cover', { exact: true })).toHaveCount(1);
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Catalog' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Catalog' })).toBeVisible();
  });

  test('a drawing runs nothing, and names of members of documents stay anchors', async ({ portal: page }) => {
    await open(page, 'pictures/#forms', 'hostile');
    await expect(reader(page).getByRole('img', { name: 'A drawing' })).toHaveAttribute('src', /^data:image\/svg/);
    await expectInert(page, 'pictures/');
    await expect(reader(page).locator('#links')).toHaveText('Links');
  });

  test('the index, the name and the navigation of the site are text', async ({ portal: page }) => {
    await open(page, '', 'hostile');
    await expect(page.getByRole('link', { name: /<img src=x onerror=top.pwned='site name'>/ })).toBeVisible();
    await page.keyboard.press('s');
    await page.keyboard.type('img');
    await page.getByRole('option').first().click();
    // What is no address of a page is taken for one that is missing.
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('There is no page at this address');
    expect(await page.evaluate(() => (window as { pwned?: string }).pwned)).toBeUndefined();
  });

  test('a refresh leads to a page, and nowhere else by itself', async ({ portal: page }) => {
    await open(page, 'moved/', 'hostile');
    await expect(page).toHaveURL(/\/hostile\/pictures\/$/);
    await open(page, 'away/', 'hostile');
    await expect(page.getByText('This page has moved to')).toBeVisible();
    await expectInert(page, 'away/');
  });
});
