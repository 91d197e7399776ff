import { useId, useState } from 'react';
import { parse, stringify } from 'yaml';
import { Textarea } from '@/ui/input';
import { type Criteria, type Edited, type KnownRule, problemsOf, readCriteria, writeCriteria } from './criteria';

interface CriteriaTextProps {
  label: string;
  language: 'YAML' | 'JSON';
  criteria: Criteria;
  /** Why the text in the box is no criteria. */
  unreadable: string | undefined;
  resourceType: string;
  rules: readonly KnownRule[] | undefined;
  onChange: (edited: Edited) => void;
}

/**
 * Criteria as text, checked while somebody types. What cannot be read stays in the box, and the role cannot be
 * saved with it.
 */
export default function CriteriaText(props: CriteriaTextProps) {
  const { label, language, criteria, unreadable, resourceType, rules, onChange } = props;
  const [text, setText] = useState(() => write(writeCriteria(criteria, resourceType), language));
  const problem = unreadable ?? problemsOf(criteria, rules).values().next().value;
  const problemId = useId();
  return (
    <div>
      <Textarea
        aria-label={`${label} as ${language}`}
        aria-describedby={problemId}
        aria-invalid={problem !== undefined}
        className="font-mono text-small"
        rows={Math.min(24, Math.max(5, text.split('\n').length))}
        spellCheck={false}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          onChange(tryReading(event.target.value, resourceType));
        }}
      />
      <p id={problemId} role="status" className="min-h-4 text-small text-failed wrap-anywhere">
        {problem}
      </p>
    </div>
  );
}

function write(value: unknown, language: 'YAML' | 'JSON'): string {
  return language === 'YAML' ? stringify(value, { lineWidth: 0 }) : JSON.stringify(value, null, 2);
}

/** The criteria of a text, or why it has none. JSON is YAML too. */
export function tryReading(text: string, resourceType: string): Edited {
  try {
    const value: unknown = parse(text, { maxAliasCount: 0, prettyErrors: true });
    const foreign = otherType(value, resourceType);
    if (foreign) return { unreadable: `This condition is about ${resourceType}, and a rule in it about ${foreign}.` };
    return { criteria: readCriteria(value) };
  } catch (error) {
    return { unreadable: error instanceof Error ? firstLine(error.message) : String(error) };
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
