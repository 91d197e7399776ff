package processing_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
)

// manyComponents is a file of components.
func manyComponents(count int) string {
	var file strings.Builder
	for i := range count {
		fmt.Fprintf(&file, component+"---\n", fmt.Sprintf("c%d", i), "many", fmt.Sprintf("team-%d", i%7))
	}
	return file.String()
}

// What is read for the first time is written in bulk: each entity with its own search rows and relations, once.
func TestManyEntitiesOfOneFileAreServedAndLeaveNothing(t *testing.T) {
	t.Parallel()
	const many = 1500
	b := newBench(t, map[string]string{"many.yaml": manyComponents(many), "one.yaml": fmt.Sprintf(component, "other", "other", "team-1")}, processing.Options{})
	location := b.bring("many.yaml")[0].Ref
	b.bring("one.yaml")
	b.eventually("all are served", func() bool { return b.count("select count(*) from catalog_entities") == many+3 })
	b.settled()
	require.Equal(t, many+1, b.count("select count(*) from catalog_search where key = 'kind' and value = 'component'"))
	require.Equal(t, many+1, b.count("select count(*) from catalog_search where key = 'relations.ownedby'"))
	require.Equal(t, many+1, b.count("select count(distinct value) from catalog_search where key = 'metadata.uid' and kind = 'component'"))
	require.Equal(t, 2*(many+1), b.count("select count(*) from catalog_relations"))
	require.Zero(t, b.count("select count(*) from (select from catalog_search group by entity_id, key, value having count(*) > 1) as twice"))

	b.change(func(ctx context.Context, tx pgx.Tx) error {
		return b.state.Drop(ctx, tx, processing.SourceLocations, []string{location})
	})
	require.Equal(t, 2, b.count("select count(*) from catalog_entities"))
	require.Zero(t, b.count("select count(*) from catalog_search s where not exists (select from catalog_entities e where e.entity_id = s.entity_id)"))
	require.Zero(t, b.count("select count(*) from catalog_relations r where not exists (select from catalog_states s where s.entity_id = r.origin_id)"))
	require.Equal(t, 2, b.count("select count(*) from catalog_relations"))
}

// What somebody asked for is stitched before everything else, unless that is thousands of entities, which would be stitched again when
// their neighbours are there.
func TestThousandsOfEntitiesAreNotUrgent(t *testing.T) {
	t.Parallel()
	const many, few = 600, 10
	b := newBench(t, map[string]string{"many.yaml": manyComponents(many), "few.yaml": strings.ReplaceAll(manyComponents(few), "name: c", "name: few-")}, processing.Options{})
	_, err := b.pool.Exec(t.Context(), `
		create table urgent_stitches (entity_ref text);
		create function note_urgent() returns trigger language plpgsql as $$ begin insert into urgent_stitches values (new.entity_ref); return null; end $$;
		create trigger urgent after insert or update on catalog_stitches for each row when (new.urgent) execute function note_urgent()`)
	require.NoError(t, err)
	served := 0
	for file, entities := range map[string]int{"many.yaml": many, "few.yaml": few} {
		spec := entity.LocationSpec{Type: "url", Target: b.site.URL + "/" + file}
		emitted, err := processing.Emit(entity.LocationEntity(spec), nil, spec)
		require.NoError(t, err)
		b.change(func(ctx context.Context, tx pgx.Tx) error {
			if _, err := b.state.Add(ctx, tx, processing.SourceLocations, []processing.Emitted{emitted}); err != nil {
				return err
			}
			_, err := b.state.Refresh(ctx, tx, emitted.Ref)
			return err
		})
		served += entities + 1
		b.eventually("all are served", func() bool { return b.count("select count(*) from catalog_entities") == served })
	}
	require.Zero(t, b.count("select count(*) from urgent_stitches where entity_ref like 'component:default/c%'"))
	require.Equal(t, few, b.count("select count(distinct entity_ref) from urgent_stitches where entity_ref like 'component:default/few-%'"))
}
