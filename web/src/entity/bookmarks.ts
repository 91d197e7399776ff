import { useSyncExternalStore } from 'react';

const mostRecent = 8;
const listeners = new Set<() => void>();

/** A list of entity references that this browser keeps. */
interface List {
  key: string;
  /** Replaced, never changed, so that React can tell. */
  refs: readonly string[];
}

const starred = load('portico.starred');
const recent = load('portico.recent');

function load(key: string): List {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(key) ?? '[]');
    return { key, refs: Array.isArray(stored) ? stored.filter((ref) => typeof ref === 'string') : [] };
  } catch {
    return { key, refs: [] };
  }
}

function store(list: List, refs: readonly string[]): void {
  list.refs = refs;
  localStorage.setItem(list.key, JSON.stringify(refs));
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useStarred(): readonly string[] {
  return useSyncExternalStore(subscribe, () => starred.refs);
}

export function useRecent(): readonly string[] {
  return useSyncExternalStore(subscribe, () => recent.refs);
}

export function toggleStar(ref: string): void {
  const others = starred.refs.filter((other) => other !== ref);
  store(starred, others.length < starred.refs.length ? others : [ref, ...others]);
}

export function rememberVisit(ref: string): void {
  if (recent.refs[0] === ref) return;
  store(recent, [ref, ...recent.refs.filter((other) => other !== ref)].slice(0, mostRecent));
}
