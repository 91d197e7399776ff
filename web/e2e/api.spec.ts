import type { Page } from '@playwright/test';
import { expectAccessible } from './accessible';
import { expect, test } from './portal';

/** Lets an API of the examples have another definition. */
async function define(page: Page, type: string, definition: string, more: object = {}): Promise<void> {
  await page.route('**/api/catalog/entities/by-name/api/default/tracking', async (route) => {
    const response = await route.fetch();
    const entity = await response.json();
    await route.fulfill({ response, json: { ...entity, spec: { ...entity.spec, type, definition, ...more } } });
  });
}

const definition = '/catalog/default/api/tracking?tab=api';

test('OpenAPI is read as operations, by keyboard, and the text is one click away', async ({ portal: page }) => {
  await page.goto(definition);
  const find = page.getByRole('button', { name: /get \/parcels\/\{number\}/ });
  await find.focus();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/item=get/);
  await expect(page.getByRole('region', { name: 'Parameters' })).toContainText('number');
  await expect(page.getByRole('region', { name: 'Response 200' })).toBeVisible();
  await expectAccessible(page);
  await page.reload();
  await expect(page.getByRole('region', { name: 'Parameters' })).toBeVisible();
  await page.getByRole('searchbox', { name: 'Find by name or summary' }).fill('no such thing');
  await expect(page.getByText('Nothing is called that.')).toBeVisible();
  await page.getByRole('button', { name: 'Show the text as it is written' }).click();
  await expect(page.getByRole('figure')).toContainText('openapi: 3.1.0');
  await expect(page).toHaveURL(/view=raw/);
});

test('AsyncAPI and gRPC are read as channels and services', async ({ portal: page }) => {
  await page.goto('/catalog/default/api/parcel-events?tab=api');
  await page
    .getByRole('button', { name: /parcels\.scans/ })
    .first()
    .click();
  await expect(page.getByRole('region', { name: /^Message/ })).toContainText('number');
  await page.goto('/catalog/default/api/quotes?tab=api');
  await page.getByRole('button', { name: /rpc Quote/ }).click();
  await expect(page.getByRole('region', { name: 'Request' })).toContainText('from_city');
  await expectAccessible(page);
});

test('GraphQL and MCP servers are read as queries and tools', async ({ portal: page }) => {
  await define(
    page,
    'graphql',
    'type Query { "Finds one." parcel(number: ID!): Parcel } type Parcel { number: ID! inside: [Parcel!] }',
  );
  await page.goto(definition);
  await page.getByRole('button', { name: /query parcel/ }).click();
  const result = page.getByRole('region', { name: 'Result' });
  await result.getByRole('button', { name: 'inside' }).click();
  await expect(result.getByRole('button', { name: 'inside' })).toHaveCount(2);
  await page.unrouteAll();
  await define(
    page,
    'mcp-server',
    '{"tools":[{"name":"find","inputSchema":{"properties":{"number":{"type":"string"}}}}]}',
    {
      remotes: [{ type: 'streamable-http', url: 'https://mcp.example.com/v1' }],
    },
  );
  await page.goto(definition);
  await expect(page.getByRole('region', { name: 'Servers' })).toContainText('https://mcp.example.com/v1');
  await page.getByRole('button', { name: /tool find/ }).click();
  await expect(page.getByRole('region', { name: 'Input' })).toContainText('number');
});

test('a mistake is named by its line, beside the text', async ({ portal: page }) => {
  await define(page, 'openapi', 'openapi: 3.0.0\ninfo:\n  title: [Broken\npaths: {}\n');
  await page.goto(definition);
  await expect(page.getByRole('alert')).toContainText('Line 4');
  await expect(page.getByRole('figure')).toContainText('title: [Broken');
  await expectAccessible(page);
});

test('a definition runs nothing', async ({ portal: page }) => {
  const evil =
    '<img src=x onerror="document.title=\'run\'"><script>document.title="run"</script>[go](javascript:alert(1))';
  const text = JSON.stringify({
    openapi: '3.0.0',
    info: { title: evil, description: evil },
    servers: [{ url: 'javascript:alert(1)', description: evil }],
    paths: { [`/${evil}`]: { get: { summary: evil, description: evil, responses: { 200: { description: evil } } } } },
  });
  await define(page, 'openapi', text);
  await page.goto(definition);
  await page.getByRole('button', { name: /^get/ }).click();
  await expect(page.getByRole('region', { name: 'Response 200' })).toBeVisible();
  await expect(page.locator('main a[href^="javascript:"], main script, main img')).toHaveCount(0);
  await expect(page).not.toHaveTitle('run');
});

test('a definition of five megabytes does not freeze the page', async ({ portal: page }) => {
  const schemas = Object.fromEntries(
    Array.from({ length: 4000 }, (_, at) => [
      `Type${at}`,
      {
        type: 'object',
        description: 'A type that contains others. '.repeat(20),
        properties: Object.fromEntries(
          Array.from({ length: 8 }, (_, to) => [
            `p${to}`,
            { $ref: `#/components/schemas/Type${(at * 7 + to) % 4000}` },
          ]),
        ),
      },
    ]),
  );
  const paths = Object.fromEntries(
    Array.from({ length: 2000 }, (_, at) => [
      `/things/${at}`,
      {
        get: {
          summary: `Thing ${at}`,
          responses: {
            200: {
              description: 'ok',
              content: { 'application/json': { schema: { $ref: `#/components/schemas/Type${at}` } } },
            },
          },
        },
      },
    ]),
  );
  const text = JSON.stringify({ openapi: '3.0.0', paths, components: { schemas } }, null, 1);
  expect(text.length).toBeGreaterThan(5_000_000);
  await define(page, 'openapi', text);
  await page.goto('/catalog/default/api/tracking');
  await expect(page.getByRole('region', { name: 'About' })).toBeVisible();
  await page.evaluate(() => {
    const state = { longest: 0 };
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) state.longest = Math.max(state.longest, duration);
    }).observe({ type: 'longtask' });
    Object.assign(window, { state });
  });
  const longest = () => page.evaluate(() => (window as unknown as { state: { longest: number } }).state.longest);
  await page.getByRole('navigation', { name: 'Parts of the entity' }).getByRole('link', { name: 'Definition' }).click();
  await expect(page.getByRole('button', { name: /get \/things\/0/ })).toBeVisible({ timeout: 30_000 });
  const reading = await longest();
  await page.getByRole('button', { name: /get \/things\/7 / }).click();
  await expect(page.getByRole('region', { name: 'Response 200' })).toContainText('p7');
  await page.getByRole('searchbox', { name: 'Find by name or summary' }).fill('things/1999');
  await expect(page.getByRole('status').filter({ hasText: '1 entry' })).toBeVisible();
  await page.getByRole('button', { name: 'Show the text as it is written' }).click();
  await expect(page.getByRole('figure')).toContainText('Type3999', { timeout: 30_000 });
  const report = `longest task: ${reading.toFixed(0)} ms while it was read, ${(await longest()).toFixed(0)} ms in all`;
  test.info().annotations.push({ type: 'measured', description: report });
});
