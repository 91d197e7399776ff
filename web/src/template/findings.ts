import type { Entity, TemplateFinding } from '@/api/types';

/** A problem of a template, with all its places: the same one may be in several steps. */
export interface Problem {
  severity: TemplateFinding['severity'];
  /** What is wrong and what to do, as sentences. */
  text: string;
  fields: string[];
  /** The id of the action that is not there, if that is the problem. */
  action: string | undefined;
}

/** Findings as problems, the errors first. */
export function problemsOf(findings: readonly TemplateFinding[], template: Entity | undefined): Problem[] {
  const problems = new Map<string, Problem>();
  for (const { severity, field, message, next } of findings) {
    const text = [sentence(message), next].filter(Boolean).join(' ');
    const key = `${severity} ${text}`;
    const known = problems.get(key);
    if (known) known.fields.push(field);
    else problems.set(key, { severity, text, fields: [field], action: absentAction(field, message, template) });
  }
  return [...problems.values()].sort((a, b) => Number(b.severity === 'error') - Number(a.severity === 'error'));
}

const ofAction = /^spec\.steps\[(\d+)\]\.action$/;

function absentAction(field: string, message: string, template: Entity | undefined): string | undefined {
  const place = ofAction.exec(field)?.[1];
  const steps = template?.spec?.steps;
  if (place === undefined || !Array.isArray(steps)) return undefined;
  const action: unknown = steps[Number(place)]?.action;
  // Who may not see all steps counts others.
  return typeof action === 'string' && message.includes(`"${action}"`) ? action : undefined;
}

/** A message as a sentence: with a capital, and without a second full stop. */
function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
