import { Link } from '@tanstack/react-router';
import type { TemplateStep } from '@/api/types';
import { plural } from '@/ui/format';

/** What a template does, for those who want to know before they fill in its form. */
export function Steps({ steps }: { steps: readonly TemplateStep[] }) {
  if (steps.length === 0) return null;
  return (
    <details>
      <summary className="text-small text-muted">{plural(steps.length, 'step')}</summary>
      <ol className="mt-1 divide-y border-y">
        {steps.map(({ id, name, action }, index) => (
          <li key={id ?? `step-${index + 1}`} className="flex flex-wrap items-baseline gap-x-3 py-1">
            <span className="w-5 text-right text-small text-muted">{index + 1}</span>
            <span className="wrap-anywhere">{name ?? action}</span>
            <Link
              to="/create/actions/$id"
              params={{ id: action }}
              className="font-mono text-small wrap-anywhere text-muted hover:text-ink hover:underline"
            >
              {action}
            </Link>
          </li>
        ))}
      </ol>
    </details>
  );
}
