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

// TestTheAuditLogHasWhatSourcesChange: which entities of which location came and went, and nothing about an
// unchanged file.
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
	changed := map[any]bool{}
	for _, e := range found(audit.CatalogProcess) {
		require.Equal(t, "url:"+b.site.URL+"/a.yaml", e.Resource)
		refs, isList := e.Changes[0].New.([]any)
		require.True(t, isList)
		require.EqualValues(t, len(refs), e.Changes[1].New)
		for _, ref := range refs {
			changed[ref] = true
		}
	}
	require.Equal(t, map[any]bool{brought[0].Ref: true, "component:default/one": true, "component:default/two": true}, changed)

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

	b.site.set("a.yaml", fmt.Sprintf(component, "one", "", "team-a"))
	b.refresh(brought[0].Ref)
	b.eventually("the orphan is marked", func() bool {
		return b.served("component:default/two").Annotation("backstage.io/orphan") == "true"
	})
	_, err := b.engine.RemoveOrphans(t.Context())
	require.NoError(t, err)
	cleaned := found(audit.CatalogClean)
	require.Len(t, cleaned, 1)
	require.Equal(t, []any{"component:default/two"}, cleaned[0].Changes[0].Old)
}
