// @vitest-environment happy-dom
import { afterEach, describe, expect, it, vi } from 'vitest';
import { dropDraft, listDrafts, loadDraft, saveDraft } from './draft';

const guest = 'user:default/guest';
const service = 'template:default/service';
const tour = 'template:default/tour';
const day = 24 * 3_600_000;

afterEach(() => {
  localStorage.clear();
  vi.useRealTimers();
});

describe('drafts', () => {
  it('outlive the tab', () => {
    saveDraft(guest, service, { name: 'web' }, new Set());
    sessionStorage.clear();
    expect(loadDraft(guest, service)?.values).toEqual({ name: 'web' });
  });

  it('contain no secret, at any depth', () => {
    saveDraft(guest, service, { name: 'web', token: '***', registry: { token: '***' } }, new Set(['token']));
    expect(loadDraft(guest, service)?.values).toEqual({ name: 'web', registry: {} });
    expect(JSON.stringify({ ...localStorage })).not.toContain('***');
  });

  it('belong to a user', () => {
    saveDraft(guest, service, { name: 'web' }, new Set());
    expect(loadDraft('user:default/ada', service)).toBeUndefined();
    expect(listDrafts('user:default/ada')).toEqual([]);
  });

  it('are listed, the latest first, until they are submitted', () => {
    vi.useFakeTimers({ now: 0 });
    saveDraft(guest, service, { name: 'web' }, new Set());
    vi.setSystemTime(1000);
    saveDraft(guest, tour, { rest: 3 }, new Set());
    expect(listDrafts(guest).map(({ templateRef }) => templateRef)).toEqual([tour, service]);
    dropDraft(guest, tour);
    expect(listDrafts(guest).map(({ templateRef }) => templateRef)).toEqual([service]);
  });

  it('are kept for a week after their last change', () => {
    vi.useFakeTimers({ now: 0 });
    saveDraft(guest, service, { name: 'web' }, new Set());
    vi.setSystemTime(7 * day);
    expect(loadDraft(guest, service)).toBeDefined();
    vi.setSystemTime(7 * day + 1);
    expect(loadDraft(guest, service)).toBeUndefined();
    expect(listDrafts(guest)).toEqual([]);
    expect(localStorage).toHaveLength(0);
  });
});
