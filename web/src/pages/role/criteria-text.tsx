import { useId, useState } from 'react';
import { parse, stringify } from 'yaml';
import { Textarea } from '@/ui/input';
import { type KnownRule, type Node, problemsOf, readCriteria, writeCriteria } from './criteria';
import type { Edited } from './criteria-field';

interface CriteriaTextProps {
  label: string;
  language: 'YAML' | 'JSON';
  criteria: Node;
  resourceType: string;
  rules: readonly KnownRule[];
  onChange: (edited: Edited) => void;
}

/**
 * Criteria as text, checked while somebody types. What cannot be read stays in the box, and the role cannot be
 * saved with it.
 */
export default function CriteriaText({ label, language, criteria, resourceType, rules, onChange }: CriteriaTextProps) {
  const [text, setText] = useState(() => write(writeCriteria(criteria, resourceType), language));
  const read = tryReading(text, resourceType, rules);
  const problemId = useId();
  return (
    <div>
      <Textarea
        aria-label={`${label} as ${language}`}
        aria-describedby={problemId}
        aria-invalid={read.problem !== undefined}
        className="font-mono text-small"
        rows={Math.min(24, Math.max(5, text.split('\n').length))}
        spellCheck={false}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          const { node, problem = '' } = tryReading(event.target.value, resourceType, rules);
          onChange(node ? { criteria: node } : { unreadable: problem });
        }}
      />
      <p id={problemId} role="status" className="min-h-4 text-small text-failed wrap-anywhere">
        {read.problem}
      </p>
    </div>
  );
}

function write(value: unknown, language: 'YAML' | 'JSON'): string {
  return language === 'YAML' ? stringify(value, { lineWidth: 0 }) : JSON.stringify(value, null, 2);
}

/** The criteria of a text, if it has some, and what is wrong with it. JSON is YAML too. */
export function tryReading(
  text: string,
  resourceType: string,
  rules: readonly KnownRule[],
): { node?: Node; problem?: string } {
  try {
    const value: unknown = parse(text, { maxAliasCount: 0, prettyErrors: true });
    const foreign = otherType(value, resourceType);
    if (foreign) return { problem: `This condition is about ${resourceType}, and a rule in it about ${foreign}.` };
    const node = readCriteria(value);
    const [problem] = problemsOf(node, rules).values();
    return problem ? { node, problem } : { node };
  } catch (error) {
    return { problem: error instanceof Error ? firstLine(error.message) : String(error) };
  }
}

function firstLine(message: string): string {
  return message.split('\n')[0]?.replace(/:$/, '') ?? message;
}

/** Another resource type that a rule somewhere in a value names. */
function otherType(value: unknown, resourceType: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if ('resourceType' in value && value.resourceType !== resourceType) return String(value.resourceType);
  for (const inner of Object.values(value)) {
    const found = otherType(inner, resourceType);
    if (found) return found;
  }
  return undefined;
}
