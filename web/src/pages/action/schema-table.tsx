import { Markdown } from '@/ui/markdown';
import { anyName, type SchemaRow, schemaRows } from './schema-rows';

interface SchemaTableProps {
  /** What the values are: Input or Output. */
  title: string;
  schema: unknown;
  /** The text for a schema without values. */
  none: string;
}

/** The values of a schema as a table: the ones in an object or a list are below it, indented. */
export function SchemaTable({ title, schema, none }: SchemaTableProps) {
  const rows = schemaRows(schema);
  const id = `schema-${title.toLowerCase()}`;
  return (
    <section aria-labelledby={id}>
      <h2 id={id} className="mb-1">
        {title}
      </h2>
      {rows.length === 0 ? <p className="text-muted">{none}</p> : <Rows labelledBy={id} rows={rows} />}
    </section>
  );
}

function Rows({ labelledBy, rows }: { labelledBy: string; rows: readonly SchemaRow[] }) {
  return (
    <table aria-labelledby={labelledBy} className="w-full table-fixed border-collapse border-t">
      <colgroup>
        <col className="w-2/5 sm:w-72" />
        <col />
      </colgroup>
      <thead className="sr-only">
        <tr>
          <th scope="col">Name and type</th>
          <th scope="col">Description</th>
        </tr>
      </thead>
      <tbody className="divide-y">
        {rows.map((row) => (
          <tr key={row.path} className="align-top">
            <th scope="row" className="py-1.5 pr-4 text-left font-normal">
              <Name row={row} />
            </th>
            <td className="space-y-1 py-1.5 text-muted wrap-anywhere">
              <About row={row} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const indent = 16;

function Name({ row: { path, name, depth, type, needed } }: { row: SchemaRow }) {
  const around = path.slice(0, path.length - name.length);
  return (
    <div style={{ paddingLeft: depth * indent }} className="wrap-anywhere" title={depth > 0 ? path : undefined}>
      <code className="font-mono">
        {around && <span className="sr-only">{around}</span>}
        {name === anyName ? '(any name)' : name}
      </code>
      <span className="block text-small text-muted">
        {type}
        {needed && <span className="text-ink">, required</span>}
      </span>
    </div>
  );
}

function About({ row: { description, choices, preset, rules } }: { row: SchemaRow }) {
  return (
    <>
      {description && <Markdown>{description}</Markdown>}
      {choices.length > 0 && (
        <p className="text-small">
          {choices.length === 1 ? 'Only ' : 'One of '}
          {choices.map((choice, index) => (
            <span key={choice}>
              {index > 0 && ', '}
              <code className="font-mono text-ink">{choice}</code>
            </span>
          ))}
        </p>
      )}
      {preset !== undefined && (
        <p className="text-small">
          Default <code className="font-mono text-ink">{preset === '' ? '""' : preset}</code>
        </p>
      )}
      {rules.length > 0 && <p className="text-small">{rules.join('; ')}</p>}
    </>
  );
}
