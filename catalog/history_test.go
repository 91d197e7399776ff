package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
)

// past is a catalog in which the versions of entities were written directly.
type past struct {
	*testing.T
	pool    *pgxpool.Pool
	service *catalog.Service
}

// noon is when the first version begins; the others follow hour by hour.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newPast(t *testing.T, decider policy.Decider) *past {
	t.Helper()
	p := &past{T: t, pool: testkit.Database(t)}
	p.service = catalog.New(catalog.Options{Pool: p.pool, Decider: decider})
	return p
}

// document is a version of the component shop.
func document(description, owner string) string {
	return fmt.Sprintf(`{"kind":"Component","metadata":{"name":"shop","namespace":"default","description":%q,"etag":%q,
		"annotations":{"backstage.io/managed-by-location":"url:https://example.com/a.yaml"}},"spec":{"owner":%q}}`, description, description, owner)
}

// replaced writes a version that was served for an hour from noon plus hours, and removed by something or replaced.
func (p *past) replaced(hours int, id uuid.UUID, version int, cause, removedBy, document string) {
	p.Helper()
	since := noon.Add(time.Duration(hours) * time.Hour)
	_, err := p.pool.Exec(p.Context(), `insert into catalog_versions (entity_ref, entity_id, version, since, until, changed_by, hash, entity, removed_by)
		values ('component:default/shop', $1, $2, $3, $4, $5, '', $6, nullif($7, ''))`, id, version, since, since.Add(time.Hour), cause, document, removedBy)
	require.NoError(p, err)
}

// served writes the version that is served since noon plus hours, which a team owns.
func (p *past) served(hours int, id uuid.UUID, version int, cause, document string) {
	p.Helper()
	_, err := p.pool.Exec(p.Context(), `insert into catalog_entities (entity_id, entity_ref, hash, entity, updated_at, changed_by, version)
		values ($1, 'component:default/shop', '', $2, $3, $4, $5)`, id, document, noon.Add(time.Duration(hours)*time.Hour), cause, version)
	require.NoError(p, err)
	_, err = p.pool.Exec(p.Context(), `insert into catalog_search (entity_id, kind, key, value) values ($1, 'component', 'relations.ownedby', 'group:default/team-a')`, id)
	require.NoError(p, err)
}

func shown(items []catalog.EntityChange) (lines []string) {
	for _, item := range items {
		line := fmt.Sprintf("%s %s v%d by %s", item.At.UTC().Format("15:04"), item.Action, item.Version, item.Cause)
		for _, d := range item.Differences {
			line += fmt.Sprintf(" %s %s %s→%s", d.Op, d.Path, d.Before, d.After)
		}
		lines = append(lines, line)
	}
	return lines
}

var shop = entity.Ref{Kind: "component", Namespace: "default", Name: "shop"}

// TestTheHistoryOfAnEntity: each change with its cause and what differs, the newest first, across the removal of an
// entity and the next one of its name.
func TestTheHistoryOfAnEntity(t *testing.T) {
	t.Parallel()
	p := newPast(t, policy.AllowKnown{})
	before, now := uuid.New(), uuid.New()
	p.replaced(0, before, 3, "", "", document("one", "a"))
	p.replaced(1, before, 4, "schedule", "", document("two", "a"))
	p.replaced(2, before, 5, "relations", "request:user:default/ada", document("two", "b"))
	p.replaced(5, now, 0, "sweep:7", "", document("three", "b"))
	p.served(6, now, 1, "event:push", document("four", "b"))
	want := []string{
		`18:00 changed v1 by event:push replace /metadata/description "three"→"four"`,
		`17:00 created v0 by sweep:7`,
		`15:00 removed v5 by request:user:default/ada`,
		`14:00 changed v5 by relations replace /spec/owner "a"→"b"`,
		`13:00 changed v4 by schedule replace /metadata/description "one"→"two"`,
		`12:00 changed v3 by `,
	}
	page, err := p.service.EntityHistory(t.Context(), somebody, shop, catalog.HistoryQuery{})
	require.NoError(t, err)
	require.Equal(t, want, shown(page.Items))
	require.Empty(t, page.Next)
	require.Equal(t, "url:https://example.com/a.yaml", page.Items[0].Location)
	require.Equal(t, now, page.Items[0].UID)

	var paged []string
	for q := (catalog.HistoryQuery{Limit: 1}); ; q.Cursor = page.Next {
		page, err = p.service.EntityHistory(t.Context(), somebody, shop, q)
		require.NoError(t, err)
		paged = append(paged, shown(page.Items)...)
		if page.Next == "" {
			break
		}
	}
	require.Equal(t, want, paged, "pages of one version each have the same")

	page, err = p.service.EntityHistoryByUID(t.Context(), somebody, now.String(), catalog.HistoryQuery{})
	require.NoError(t, err)
	require.Equal(t, want[:2], shown(page.Items))
	_, err = p.service.EntityHistory(t.Context(), somebody, shop, catalog.HistoryQuery{Cursor: "x"})
	require.Equal(t, fault.Input, fault.KindOf(err))
}

func TestAnEntityAtAMoment(t *testing.T) {
	t.Parallel()
	p := newPast(t, policy.AllowKnown{})
	before, now := uuid.New(), uuid.New()
	p.replaced(0, before, 0, "schedule", "", document("one", "a"))
	p.replaced(1, before, 1, "schedule", "orphan", document("two", "a"))
	p.served(5, now, 0, "schedule", document("three", "a"))
	for at, want := range map[time.Duration]string{
		-time.Minute: "", 0: "one", 59 * time.Minute: "one", time.Hour: "two", 2 * time.Hour: "", 4 * time.Hour: "",
		5 * time.Hour: "three", 1000 * time.Hour: "three",
	} {
		document, err := p.service.EntityAt(t.Context(), somebody, shop, noon.Add(at))
		if want == "" {
			require.Equal(t, fault.NotFound, fault.KindOf(err), at)
			continue
		}
		require.NoError(t, err, at)
		var e entity.Entity
		require.NoError(t, json.Unmarshal(document, &e))
		require.Equal(t, want, e.Description(), at)
	}
	_, err := p.service.EntityAtByUID(t.Context(), somebody, now.String(), noon)
	require.Equal(t, fault.NotFound, fault.KindOf(err), "that was another entity")
	_, err = p.service.EntityAtByUID(t.Context(), somebody, now.String(), noon.Add(6*time.Hour))
	require.NoError(t, err)
}

// TestTheHistoryIsOfWhoMayReadTheEntity: who may not read an entity now sees none of its versions, and what was removed
// is for those who may read everything.
func TestTheHistoryIsOfWhoMayReadTheEntity(t *testing.T) {
	t.Parallel()
	type read func(ctx context.Context, p *past, who identity.Principal) error
	reads := map[string]read{
		"history": func(ctx context.Context, p *past, who identity.Principal) error {
			_, err := p.service.EntityHistory(ctx, who, shop, catalog.HistoryQuery{})
			return err
		},
		"a moment": func(ctx context.Context, p *past, who identity.Principal) error {
			_, err := p.service.EntityAt(ctx, who, shop, noon)
			return err
		},
	}
	other := identity.Principal{Kind: identity.KindUser, Subject: "user:default/eve", Ownership: []string{"user:default/eve"}}
	for name, c := range map[string]struct {
		decider policy.Decider
		isThere bool
		who     identity.Principal
		may     bool
	}{
		"its owner":                      {policytest.Table{policy.CatalogEntityRead: policytest.Owned}, true, member, true},
		"somebody else":                  {policytest.Table{policy.CatalogEntityRead: policytest.Owned}, true, other, false},
		"its former owner, when removed": {policytest.Table{policy.CatalogEntityRead: policytest.Owned}, false, member, false},
		"who may read all, when removed": {policy.AllowKnown{}, false, other, true},
		"who may read nothing":           {policytest.Table{policy.CatalogEntityRead: policytest.Deny}, true, member, false},
	} {
		for what, do := range reads {
			t.Run(name+": "+what, func(t *testing.T) {
				t.Parallel()
				p := newPast(t, c.decider)
				id := uuid.New()
				p.replaced(0, id, 0, "schedule", "", document("one", "a"))
				if c.isThere {
					p.served(1, id, 1, "schedule", document("two", "a"))
				}
				err := do(t.Context(), p, c.who)
				if c.may {
					require.NoError(t, err)
					return
				}
				require.Equal(t, fault.NotFound, fault.KindOf(err))
			})
		}
	}
	p := newPast(t, policytest.Table{policy.CatalogEntityRead: policytest.Owned})
	id := uuid.New()
	p.served(1, id, 1, "schedule", document("two", "a"))
	_, err := p.service.EntityHistoryByUID(t.Context(), other, id.String(), catalog.HistoryQuery{})
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	_, err = p.service.EntityAtByUID(t.Context(), other, id.String(), noon.Add(2*time.Hour))
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}

func TestAnUnknownEntityHasNoHistory(t *testing.T) {
	t.Parallel()
	p := newPast(t, policy.AllowKnown{})
	_, err := p.service.EntityHistory(t.Context(), somebody, shop, catalog.HistoryQuery{})
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}
