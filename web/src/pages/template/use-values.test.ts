// @vitest-environment happy-dom
import { act, cleanup, renderHook } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { loadDraft, saveDraft } from '@/template/draft';
import { pagesOf } from './pages';
import { useValues } from './use-values';

const { address } = vi.hoisted(() => ({ address: { search: {} as { formData?: string } } }));

vi.mock('@tanstack/react-router', () => ({
  getRouteApi: () => ({ useSearch: () => address.search, useNavigate: () => () => undefined }),
}));

const guest = 'user:default/guest';
const service = 'template:default/service';
const schema = { properties: { name: { type: 'string' }, count: { type: 'number', default: 2 } } };
const pages = pagesOf({ title: 'T', steps: [{ title: 'P', schema }] }, undefined);
const draft = { name: 'web', count: 3 };

beforeEach(() => {
  vi.useFakeTimers({ now: 1000 });
  saveDraft(guest, service, draft, new Set());
  vi.setSystemTime(2000);
});

afterEach(() => {
  cleanup();
  vi.useRealTimers();
  localStorage.clear();
});

function show(formData?: string) {
  address.search = formData === undefined ? {} : { formData };
  return renderHook(() => useValues(guest, service, pages)).result;
}

const kept = () => loadDraft(guest, service);

it.each([
  ['a draft', undefined, draft],
  ['a link', '{"name":"other"}', { name: 'other', count: 2 }],
  ['a link to the defaults', '{"count":2}', { count: 2 }],
])('opening %s leaves the draft as it was', (_, formData, values) => {
  const result = show(formData);
  expect(result.current.values).toEqual(values);
  // As a form does when it is rendered.
  act(() => result.current.change({ ...result.current.values }));
  expect(kept()).toEqual({ templateRef: service, values: draft, at: 1000 });
});

it('a change is kept, the defaults are not', () => {
  const result = show('{"name":"other"}');
  act(() => result.current.change({ name: 'others', count: 2 }));
  expect(kept()).toEqual({ templateRef: service, values: { name: 'others', count: 2 }, at: 2000 });
  act(() => result.current.change({ count: 2 }));
  expect(kept()).toBeUndefined();
});

it('a reset deletes the draft', () => {
  const result = show();
  act(() => result.current.startOver?.());
  expect(result.current.values).toEqual({ count: 2 });
  expect(kept()).toBeUndefined();
});

it.each([
  ['drops the draft that was sent', undefined, undefined],
  ['keeps it when a link was', '{"name":"other"}', draft],
])('sending %s', (_, formData, left) => {
  show(formData).current.sent();
  expect(kept()?.values).toEqual(left);
});
