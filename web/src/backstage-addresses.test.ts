import { expect, it } from 'vitest';
import { movedTo } from './backstage-addresses';

it.each([
  ['/api-docs', {}, { to: '/catalog', search: { kind: 'api' } }],
  ['/search', { query: 'shop' }, undefined],
  ['/create/tasks', {}, { to: '/runs' }],
  ['/create/tasks/0a1b', {}, { to: '/runs/0a1b' }],
  ['/create/templates/service', {}, { to: '/create/templates/default/service' }],
  ['/catalog/default/component/shop/ci-cd', {}, { to: '/catalog/default/component/shop' }],
  ['/catalog/default/component/shop/docs', {}, { to: '/docs/default/component/shop' }],
  ['/catalog/default/component/shop/docs/guide/', {}, { to: '/docs/default/component/shop/guide' }],
  [
    '/catalog-graph',
    { 'rootEntityRefs[]': 'component:default/shop' },
    { to: '/catalog/default/component/shop', search: { tab: 'relations' } },
  ],
  ['/catalog-graph', {}, undefined],
  ['/catalog/default/component/shop', {}, undefined],
  ['/create/templates/default/service', {}, undefined],
  ['/create', {}, undefined],
])('%s with %j leads to %j', (path, search, address) => {
  expect(movedTo(path, search)).toEqual(address);
});
