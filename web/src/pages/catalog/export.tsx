import { useMutation } from '@tanstack/react-query';
import { Download } from 'lucide-react';
import { type EntityQuery, type ExportFormat, exportEntities } from '@/api/catalog';
import { Button } from '@/ui/button';
import { Menu, MenuItem } from '@/ui/menu';
import { ErrorPanel } from '@/ui/states';

/** A menu that stores the shown entities as a file, with the filters, the text and the order of the list. */
export function Export({ query }: { query: EntityQuery }) {
  const { mutate, error, isPending } = useMutation({
    mutationFn: (format: ExportFormat) => exportEntities(format, query),
  });
  return (
    <>
      <Menu
        trigger={
          <Button icon={Download} busy={isPending}>
            Export
          </Button>
        }
      >
        <MenuItem onSelect={() => mutate('csv')}>As CSV, for a spreadsheet</MenuItem>
        <MenuItem onSelect={() => mutate('json')}>As JSON</MenuItem>
      </Menu>
      {error && (
        <div className="w-full">
          <ErrorPanel error={error} doing="export the catalog" />
        </div>
      )}
    </>
  );
}
