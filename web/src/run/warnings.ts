import type { LogLine } from './log';

/** A warning of a run: its text, its step, and its count. */
export interface Warning {
  key: string;
  stepId: string | undefined;
  text: string;
  times: number;
}

/** The warnings of a log, each once, in the order of their first occurrence. A retry repeats its warnings. */
export function warningsOf(lines: readonly LogLine[]): Warning[] {
  const found = new Map<string, Warning>();
  let current: Warning | undefined;
  for (const line of lines) {
    if (line.level !== 'warn') current = undefined;
    else if (line.continues && current) current.text += `\n${line.text}`;
    else {
      current = { key: line.key, stepId: line.stepId, text: line.text, times: 1 };
      found.set(line.key, current);
    }
  }
  const unique = new Map<string, Warning>();
  for (const warning of found.values()) {
    const same = `${warning.stepId ?? ''}\0${warning.text}`;
    const known = unique.get(same);
    if (known) known.times++;
    else unique.set(same, warning);
  }
  return [...unique.values()];
}
