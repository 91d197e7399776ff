package processing_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog/processing"
)

// TestTheAuditLogHasWhatSourcesChange: which entities of which location were created, changed and dropped, and
// nothing about an unchanged file.
func TestTheAuditLogHasWhatSourcesChange(t *testing.T) {
	t.Parallel()
	two := fmt.Sprintf(component, "one", "", "team-a") + "---\n" + fmt.Sprintf(component, "two", "", "team-a")
	b := newBench(t, map[string]string{"a.yaml": two}, processing.Options{OrphanInterval: time.Hour})
	found := func(action audit.Action) (events []audit.Event) {
		events, err := audit.Find(t.Context(), b.pool, audit.Query{Who: "system:catalog processing", Actions: []audit.Action{action}})
		require.NoError(t, err)
		return events
	}
	brought := b.bring("a.yaml")
	b.awaitServed("component:default/one", "component:default/two")
	b.settled()
	// said are the references that the events have under a field.
	said := func(field string) (refs []any) {
		for _, e := range found(audit.CatalogProcess) {
			require.Equal(t, "url:"+b.site.URL+"/a.yaml", e.Resource)
			for i, change := range e.Changes {
				if change.Field != field {
					continue
				}
				of, isList := change.New.([]any)
				if field == "dropped" {
					of, isList = change.Old.([]any)
				}
				require.True(t, isList)
				require.Equal(t, field+".count", e.Changes[i+1].Field)
				require.EqualValues(t, len(of), e.Changes[i+1].New)
				refs = append(refs, of...)
			}
		}
		return refs
	}
	require.ElementsMatch(t, []any{brought[0].Ref, "component:default/one", "component:default/two"}, said("created"))
	require.Empty(t, said("changed"))

	before := len(found(audit.CatalogProcess))
	b.refresh(brought[0].Ref)
	b.eventually("the site was asked", func() bool { return b.site.answered("304 a.yaml") == 1 })
	for range 2 {
		b.change(func(ctx context.Context, tx pgx.Tx) error {
			return b.state.Replace(ctx, tx, processing.SourceConfig, brought)
		})
	}
	require.Len(t, found(audit.LocationConfigure), 1, "the same configuration again is no change")
	b.settled()
	require.Len(t, found(audit.CatalogProcess), before)

	b.site.set("a.yaml", fmt.Sprintf(component, "one", "", "team-b"))
	b.refresh(brought[0].Ref)
	b.eventually("the orphan is marked", func() bool {
		return b.served("component:default/two").Annotation("backstage.io/orphan") == "true"
	})
	// The component may be processed after its sibling is marked.
	b.settled()
	require.ElementsMatch(t, []any{brought[0].Ref, "component:default/one"}, said("changed"))
	require.Equal(t, []any{"component:default/two"}, said("dropped"))
	_, err := b.engine.RemoveOrphans(t.Context())
	require.NoError(t, err)
	cleaned := found(audit.CatalogClean)
	require.Len(t, cleaned, 1)
	require.Equal(t, []any{"component:default/two"}, cleaned[0].Changes[0].Old)
}
