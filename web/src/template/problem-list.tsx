import { Link } from '@tanstack/react-router';
import type { Problem } from './findings';

/** Problems of a template, each with its places and the page about the action that is not there. */
export function ProblemList({ problems }: { problems: readonly Problem[] }) {
  return (
    <ul className="space-y-1">
      {problems.map(({ text, fields, action }) => (
        <li key={text} className="wrap-anywhere">
          {text}{' '}
          {action && (
            <>
              <Link to="/create/actions/$id" params={{ id: action }} className="text-accent underline">
                What to do<span className="sr-only"> without {action}</span>
              </Link>{' '}
            </>
          )}
          <span className="text-small text-muted">
            {fields.map((field, index) => (
              <span key={field}>
                {index > 0 && ', '}
                <code className="font-mono">{field}</code>
              </span>
            ))}
          </span>
        </li>
      ))}
    </ul>
  );
}
