import { useMemo, useSyncExternalStore } from 'react';
import { serverNow } from '@/api/server-clock';
import type { JsonObject } from '@/api/types';

/** The values of a template's form that were not submitted yet. */
export interface Draft {
  templateRef: string;
  values: JsonObject;
  /** When it was last changed, in milliseconds since 1970. */
  at: number;
}

const prefix = 'portico.draft.';
/** How long a draft is kept after its last change, in milliseconds. */
const lifetime = 7 * 24 * 3_600_000;

const listeners = new Set<() => void>();

function keyOf(user: string, templateRef: string): string {
  return `${prefix}${user} ${templateRef}`;
}

/** A user's draft of a template's form, in this browser and from the last week. */
export function loadDraft(user: string, templateRef: string): Draft | undefined {
  return read(keyOf(user, templateRef), user);
}

/** Stores values without the named secrets, and without their lengths. */
export function saveDraft(user: string, templateRef: string, values: JsonObject, secrets: ReadonlySet<string>): void {
  const text = JSON.stringify({ at: serverNow(), values }, (name, value) => (secrets.has(name) ? undefined : value));
  write(() => localStorage.setItem(keyOf(user, templateRef), text));
}

export function dropDraft(user: string, templateRef: string): void {
  write(() => localStorage.removeItem(keyOf(user, templateRef)));
}

/** A user's drafts, the latest first. Expired ones are deleted. */
export function listDrafts(user: string): Draft[] {
  const drafts: Draft[] = [];
  for (const key of keysOf(user)) {
    const draft = read(key, user);
    if (draft) drafts.push(draft);
    else localStorage.removeItem(key);
  }
  return drafts.sort((a, b) => b.at - a.at);
}

/** A user's current drafts, updated also when another tab changes them. */
export function useDrafts(user: string): Draft[] {
  const stored = useSyncExternalStore(subscribe, () => snapshot(user));
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is stored says when to read it again
  return useMemo(() => listDrafts(user), [user, stored]);
}

function keysOf(user: string): string[] {
  return Object.keys(localStorage).filter((key) => key.startsWith(`${prefix}${user} `));
}

function snapshot(user: string): string {
  return keysOf(user)
    .map((key) => `${key} ${localStorage.getItem(key)}`)
    .sort()
    .join();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener('storage', listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener('storage', listener);
  };
}

/** Without storage, only the drafts are lost. */
function write(change: () => void): void {
  try {
    change();
  } catch {
    return;
  }
  for (const listener of listeners) listener();
}

function read(key: string, user: string): Draft | undefined {
  try {
    const stored: Partial<Draft> | null = JSON.parse(localStorage.getItem(key) ?? 'null');
    if (typeof stored?.values !== 'object' || stored.values === null || typeof stored.at !== 'number') return undefined;
    if (serverNow() - stored.at > lifetime) return undefined;
    return { templateRef: key.slice(`${prefix}${user} `.length), values: stored.values, at: stored.at };
  } catch {
    return undefined;
  }
}
