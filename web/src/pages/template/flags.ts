import { useState } from 'react';
import type { JsonObject, ParameterSchema } from '@/api/types';
import { isObject } from '@/template/is-object';

/** Hides a page or a field from everybody who has not switched the flag on. */
export const flagKey = 'backstage:featureFlag';

/** The flag of a page or a field, of which a template has two spellings. */
function flagOf(node: JsonObject): string | undefined {
  const backstage = node['ui:backstage'];
  const flag = node[flagKey] ?? (isObject(backstage) ? backstage.featureFlag : undefined);
  return typeof flag === 'string' ? flag : undefined;
}

/** A copy of a schema in which only flags that are off are left, all with the same key. */
export function withFlags(node: JsonObject, on: ReadonlySet<string>): JsonObject {
  const flag = flagOf(node);
  const copy = Object.fromEntries(
    Object.entries(node)
      .filter(([key]) => key !== flagKey)
      .map(([key, value]) => [key, copied(value, on)]),
  );
  return flag === undefined || on.has(flag) ? copy : { ...copy, [flagKey]: flag };
}

function copied(value: unknown, on: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((item) => copied(item, on));
  return isObject(value) ? withFlags(value, on) : value;
}

/** The names of the flags in a template's form. */
export function flagsIn(parameters: ParameterSchema): string[] {
  const names = new Set<string>();
  const walk = (value: unknown) => {
    if (Array.isArray(value)) value.forEach(walk);
    else if (isObject(value)) {
      const flag = flagOf(value);
      if (flag !== undefined) names.add(flag);
      Object.values(value).forEach(walk);
    }
  };
  for (const { schema } of parameters.steps) walk(schema);
  return [...names].sort();
}

const storageKey = 'portico.featureFlags';

function load(): string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(storageKey) ?? '[]');
    return Array.isArray(stored) ? stored.filter((name) => typeof name === 'string') : [];
  } catch {
    return [];
  }
}

/** The flags that are on in this browser, for all templates. */
export function useFlags(): [on: ReadonlySet<string>, toggle: (name: string) => void] {
  const [on, setOn] = useState<ReadonlySet<string>>(() => new Set(load()));
  const toggle = (name: string) => {
    const next = new Set(on);
    if (!next.delete(name)) next.add(name);
    localStorage.setItem(storageKey, JSON.stringify([...next]));
    setOn(next);
  };
  return [on, toggle];
}
