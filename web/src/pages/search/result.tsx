import { useRouter } from '@tanstack/react-router';
import type { SearchResult } from '@/api/types';
import { isPlain } from '@/docs/article';
import { excerptOf, Pieces, piecesOf } from '@/search/highlight';
import { addressOf, hintOf, TypeIcon } from '@/search/types';
import { rowLink } from '@/ui/row-link';

interface ResultProps {
  result: SearchResult;
  onOpen: () => void;
}

/** A result: its title leads to it. */
export function Result({ result, onOpen }: ResultProps) {
  const { history } = useRouter();
  const address = addressOf(result);
  const excerpt = excerptOf(piecesOf(result, 'text'), 240);
  const title = <Pieces pieces={piecesOf(result, 'title')} />;
  return (
    <li className="relative flex gap-2 px-2 py-2.5 hover:bg-hover">
      <span className="pt-0.5">
        <TypeIcon result={result} />
      </span>
      <div className="min-w-0 grow">
        <p className="flex flex-wrap items-baseline gap-x-3">
          {address === undefined ? (
            <span className="font-medium">{title}</span>
          ) : (
            <a
              href={address}
              onClick={(event) => {
                onOpen();
                if (!isPlain(event) || !address.startsWith('/')) return;
                event.preventDefault();
                history.push(address);
              }}
              className={`min-w-0 font-medium wrap-anywhere hover:text-accent ${rowLink}`}
            >
              {title}
            </a>
          )}
          <span className="text-small text-muted">{factsOf(result)}</span>
        </p>
        {excerpt.length > 0 && (
          <p className="line-clamp-2 text-muted wrap-anywhere">
            <Pieces pieces={excerpt} />
          </p>
        )}
      </div>
    </li>
  );
}

function factsOf(result: SearchResult): string {
  const { componentType, lifecycle, path } = result.document;
  const facts =
    result.type === 'software-catalog' ? [hintOf(result), componentType, lifecycle] : [hintOf(result), path];
  return [...new Set(facts.filter((fact) => fact && fact !== 'other'))].join(' · ');
}
