import { plural } from '@/ui/format';
import { focusField } from './focus-field';
import type { Problem } from './form/validate';
import { fieldId, type Page, titlesOf } from './pages';

interface AttentionProps {
  page: Page;
  /** The errors of the page's fields; none until the user has tried to leave the page. */
  problems: readonly Problem[];
}

/** Shows how many fields have errors, with a link to each. */
export function Attention({ page, problems }: AttentionProps) {
  const titles = titlesOf(page, problems);
  return (
    <div>
      <p role="status" className="font-medium text-failed">
        {titles.size > 0 && `${plural(titles.size, 'field needs', 'fields need')} attention`}
      </p>
      <ul className="mt-1 space-y-1">
        {[...titles].map(([id, title]) => (
          <li key={id}>
            <button type="button" onClick={() => focusField(id)} className="text-left text-accent underline">
              {title}
            </button>{' '}
            <span className="text-muted">{problems.find(({ path }) => fieldId(path) === id)?.message}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
