package processing_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/internal/testkit"
)

// An entity that was never valid is reported on its location, in the list of failed entities, and once in the
// log.

const location = "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {name: all}\nspec: {type: url, targets: [%s]}\n"

func TestAMissingLocationIsShownAndLoggedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, processing.Options{Interval: time.Second})
	ref := b.bring("none.yaml")[0].Ref
	b.awaitServed(ref)
	complaint := "Unable to read url, no matching files found for " + b.site.URL + "/none.yaml"
	require.Equal(t, []string{"NotFoundError: " + complaint}, b.complaints(ref))
	b.eventually("it was read again", func() bool { return b.count("select failures from catalog_states where entity_ref = $1", ref) > 1 })
	warnings := b.log.warnings(complaint)
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], "location=url:"+b.site.URL+"/none.yaml")
}

func TestValidEntitiesAreServedBesideInvalidOnes(t *testing.T) {
	t.Parallel()
	good := func(name string) string { return fmt.Sprintf(component, name, "", "team-a") }
	files := map[string]string{
		"all.yaml":    fmt.Sprintf(location, "./none.yaml, ./one.yaml, ./broken.yaml, ./tag.yaml"),
		"one.yaml":    good("one"),
		"broken.yaml": good("before") + "---\nkind: [\n---\n" + good("after"),
		"tag.yaml":    good("tagged") + "---\n" + strings.Replace(good("badly-tagged"), "metadata:", "metadata:\n  tags: [Not A Tag]", 1),
	}
	b := newBench(t, files, processing.Options{})
	b.bring("all.yaml")
	b.awaitServed("component:default/one", "component:default/before", "component:default/after", "component:default/tagged")
	b.settled()
	require.Nil(t, b.served("component:default/badly-tagged"))
	complaints := b.complaints("location:default/all")
	require.Len(t, complaints, 3)
	require.Equal(t, "NotFoundError: Unable to read url, no matching files found for "+b.site.URL+"/none.yaml", complaints[0])
	require.Contains(t, complaints[1], "InputError: YAML error at url:"+b.site.URL+"/broken.yaml, line ")
	require.Contains(t, complaints[2], "InputError: component:default/badly-tagged at url:"+b.site.URL+"/tag.yaml, line 8: Policy check failed")
	require.Contains(t, complaints[2], `"tags.0" is not valid`)
	warnings := b.log.warnings("badly-tagged")
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], "location=url:"+b.site.URL+"/tag.yaml line=8 ")
	require.NotEmpty(t, b.log.warnings("location=url:"+b.site.URL+"/broken.yaml line="))

	// Children from unreadable places are kept. Children that are missing from readable places are removed.
	b.site.set("one.yaml", good("two"))
	b.site.set("tag.yaml", "- not: an entity")
	b.site.set("broken.yaml", "kind: [")
	b.refresh("location:default/all")
	b.awaitServed("component:default/two")
	b.eventually("what is gone is an orphan", func() bool {
		return b.served("component:default/one").Annotation(entity.AnnotationOrphan) == "true"
	})
	b.settled()
	for _, ref := range []string{"component:default/before", "component:default/after", "component:default/tagged"} {
		require.Empty(t, b.served(ref).Annotation(entity.AnnotationOrphan), ref)
	}
	b.site.set("tag.yaml", good("tagged"))
	b.refresh("location:default/all")
	b.eventually("a mended file counts again", func() bool {
		return b.count("select count(*) from catalog_references where target_ref = 'component:default/badly-tagged'") == 0
	})
}

func TestAFileThatDescribesAnEntityTwiceShowsAnError(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"a.yaml": fmt.Sprintf(component, "shop", "first", "a") + "---\n" + fmt.Sprintf(component, "shop", "second", "a")}, processing.Options{})
	ref := b.bring("a.yaml")[0].Ref
	b.awaitServed("component:default/shop", ref)
	require.Equal(t, "first", b.served("component:default/shop").Description())
	require.Equal(t, []string{"InputError: Entity component:default/shop is described again at url:" + b.site.URL + "/a.yaml, line 8, after line 1; the first counts"}, b.complaints(ref))
}

func TestAnEntityThatWasNeverValidDoesNotBlockOthers(t *testing.T) {
	t.Parallel()
	bad := strings.Replace(fmt.Sprintf(component, "shop", "bad", "team-a"), "type: service, ", "", 1)
	b := newBench(t, map[string]string{"first.yaml": bad, "second.yaml": fmt.Sprintf(component, "shop", "good", "team-a")}, processing.Options{})
	first := b.bring("first.yaml")[0].Ref
	b.settled()
	second := b.bring("second.yaml")[0].Ref
	b.eventually("the second has it", func() bool { return b.served("component:default/shop").Description() == "good" })
	b.settled()
	require.Empty(t, b.complaints(second))
	require.Equal(t, []string{"ConflictError: Detected conflicting entityRef component:default/shop already referenced by url:" + b.site.URL +
		"/second.yaml and now also url:" + b.site.URL + "/first.yaml; the first keeps it"}, b.complaints(first))

	b.site.set("first.yaml", fmt.Sprintf(component, "shop", "mended", "team-a"))
	b.refresh(first)
	b.settled()
	require.Equal(t, "good", b.served("component:default/shop").Description(), "the valid entity keeps its reference")
}

// A location claims a reference before its entity turns out to be invalid: the second claimant then gets it.
func TestAnInvalidOwnerLosesItsReference(t *testing.T) {
	t.Parallel()
	bad := strings.Replace(fmt.Sprintf(component, "shop", "bad", "team-a"), "type: service, ", "", 1)
	b := newBench(t, map[string]string{"first.yaml": bad, "second.yaml": fmt.Sprintf(component, "shop", "good", "team-a")}, processing.Options{})
	b.bring("first.yaml", "second.yaml")
	b.eventually("the good one is served", func() bool { return b.served("component:default/shop").Description() == "good" })
}

// Two invalid entities that both look valid must not take the reference from each other for ever.
func TestTwoInvalidClaimantsDoNotAlternate(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"first.yaml": described, "second.yaml": strings.Replace(described, "team-a", "team-b", 1)}, processing.Options{Interval: time.Second})
	b.bring("first.yaml", "second.yaml")
	failures := func(n int) func() bool {
		return func() bool {
			return b.count("select failures from catalog_states where entity_ref = 'api:default/described'") >= n
		}
	}
	b.eventually("it failed at both", func() bool {
		return b.count("select count(*) from catalog_conflicts where failed_hash is not null") == 1
	})
	b.eventually("it failed again", failures(1))
	key := func() (key string) {
		require.NoError(t, b.pool.QueryRow(t.Context(), "select location_key from catalog_states where entity_ref = 'api:default/described'").Scan(&key))
		return key
	}
	holder := key()
	b.eventually("it failed again and again", failures(3))
	require.Equal(t, holder, key())
}

func TestAConflictShowsTheErrorOfTheOwner(t *testing.T) {
	t.Parallel()
	bad := strings.Replace(fmt.Sprintf(component, "shop", "bad", "team-a"), "type: service, ", "", 1)
	b := newBench(t, map[string]string{"first.yaml": bad, "second.yaml": strings.Replace(bad, "bad", "worse", 1)}, processing.Options{})
	b.bring("first.yaml")
	b.settled()
	second := b.bring("second.yaml")[0].Ref
	b.eventually("the second is told", func() bool { return len(b.complaints(second)) == 1 })
	require.Contains(t, b.complaints(second)[0], "the first keeps it, though it cannot be read there: InputError: Processor BuiltinKindsEntityProcessor threw")
}

// A file that names the same entity twice in a batch, alternating with another file, keeps its reference.
func TestTheOwnerKeepsItsReferenceInABatchWithAnother(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"first.yaml": fmt.Sprintf(component, "shop", "first", "a"), "second.yaml": fmt.Sprintf(component, "shop", "second", "a")}, processing.Options{})
	first := b.bring("first.yaml")[0].Ref
	b.awaitServed("component:default/shop")
	second := b.bring("second.yaml")[0].Ref
	b.settled()
	for range 5 {
		b.change(func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "update catalog_states set next_update_at = now(), result_hash = '' where entity_ref = any ($1)", []string{first, second})
			return err
		})
		b.settled()
		require.Equal(t, "first", b.served("component:default/shop").Description())
		require.Equal(t, 1, b.count("select count(*) from catalog_references where target_ref = 'component:default/shop' and source_ref = $1", first))
	}
}

// refuse makes the database reject rows of a table for one entity, as if it could not store the value.
func (b *bench) refuse(table, ref string) {
	b.Helper()
	_, err := b.pool.Exec(b.Context(), fmt.Sprintf(`
		create function refuse() returns trigger language plpgsql as $$ begin
			if new.entity_ref = '%s' then raise exception 'no room for it' using errcode = '54000'; end if; return new;
		end $$;
		create trigger refuse before insert or update on %s for each row execute function refuse()`, ref, table))
	require.NoError(b, err)
}

func TestAnEntityThatTheDatabaseRefusesDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	var documents []string
	for i := range 20 {
		documents = append(documents, fmt.Sprintf(component, fmt.Sprintf("c-%d", i), "", "team-a"))
	}
	b := &bench{T: t, pool: testkit.Database(t), site: newSite(t, map[string]string{"a.yaml": strings.Join(documents, "---\n"), "b.yaml": fmt.Sprintf(component, "other", "", "a")}), state: processing.NewState()}
	b.refuse("catalog_states", "component:default/c-7")
	b.start(b.newEngine(processing.Options{}))
	ref := b.bring("a.yaml", "b.yaml")[0].Ref
	b.awaitServed("component:default/c-0", "component:default/c-6", "component:default/c-8", "component:default/c-19", "component:default/other", ref)
	b.settled()
	require.Len(t, b.complaints(ref), 1)
	require.Contains(t, b.complaints(ref)[0], "InputError: component:default/c-7 cannot be stored (at url:"+b.site.URL+"/a.yaml, line 50): ")
	require.Contains(t, b.complaints(ref)[0], "no room for it")
}

func TestAnEntityThatCannotBeServedDoesNotBlockOthers(t *testing.T) {
	t.Parallel()
	b := &bench{T: t, pool: testkit.Database(t), site: newSite(t, map[string]string{"a.yaml": fmt.Sprintf(component, "bad", "", "a") + "---\n" + fmt.Sprintf(component, "good", "", "a")}), state: processing.NewState()}
	b.refuse("catalog_entities", "component:default/bad")
	b.start(b.newEngine(processing.Options{}))
	ref := b.bring("a.yaml")[0].Ref
	b.awaitServed("component:default/good", ref)
	b.settled()
	require.Len(t, b.complaints(ref), 1)
	require.Contains(t, b.complaints(ref)[0], "component:default/bad at url:"+b.site.URL+"/a.yaml, line 1: component:default/bad cannot be served: ")
	require.Len(t, b.log.warnings("an entity cannot be served"), 1)

	_, err := b.pool.Exec(t.Context(), "drop trigger refuse on catalog_entities")
	require.NoError(t, err)
	b.change(func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "insert into catalog_stitches (entity_ref) values ('component:default/bad')")
		return err
	})
	b.awaitServed("component:default/bad")
	b.eventually("nothing is wrong any more", func() bool { return len(b.complaints(ref)) == 0 })
}

func TestDeletedEntitiesOfRegisteredLocationsAreRestored(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"a.yaml": fmt.Sprintf(component, "shop", "", "team-a")}, processing.Options{OrphanInterval: 50 * time.Millisecond})
	target := b.site.URL + "/a.yaml"
	spec := entity.LocationSpec{Type: "url", Target: target}
	ref := entity.LocationEntity(spec).Ref().String()
	_, err := b.pool.Exec(t.Context(), "insert into catalog_locations (id, type, target, entity_ref) values ($1, 'url', $2, $3)", uuid.New(), target, ref)
	require.NoError(t, err)
	b.awaitServed(ref, "component:default/shop")

	lost := b.served(ref).UID()
	b.change(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.state.RemoveByUID(ctx, tx, uuid.MustParse(lost))
		return err
	})
	b.eventually("it was restored", func() bool { e := b.served(ref); return e != nil && e.UID() != lost })
	b.awaitServed("component:default/shop")
}

func TestDeletedEntitiesOfASourceAreRestored(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"a.yaml": fmt.Sprintf(component, "shop", "", "team-a")}, processing.Options{OrphanInterval: time.Hour})
	ref := b.bring("a.yaml")[0].Ref
	b.awaitServed(ref, "component:default/shop")
	lost := b.served(ref).UID()
	b.change(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.state.RemoveByUID(ctx, tx, uuid.MustParse(lost))
		return err
	})
	b.eventually("it was restored", func() bool { e := b.served(ref); return e != nil && e.UID() != lost })
	b.settled()
	require.Empty(t, b.served("component:default/shop").Annotation(entity.AnnotationOrphan))
}

// Cases that users of Backstage have reported, with the correct behaviour.
func TestReportedCases(t *testing.T) {
	t.Parallel()
	files := filesIn(t, "testdata/cases")
	b := newBench(t, files, processing.Options{})
	var names []string
	for name := range files {
		if strings.HasSuffix(name, "catalog-info.yaml") || strings.HasSuffix(name, "/yaml.yaml") || strings.HasSuffix(name, "/text.yaml") {
			names = append(names, name)
		}
	}
	b.bring(names...)
	b.settled()

	require.Equal(t, map[string]any{"title": "outer", "inner": map[string]any{"$yaml": "./deep/inner.yaml"}},
		b.served("component:default/s19-nested").Spec()["outer"], "as in Backstage, what is included is not looked into")
	require.Contains(t, b.served("api:default/s20-text").Spec()["definition"], "openapi: 3.0.0")
	require.Contains(t, b.failed("api:default/s20-yaml"), "/spec/definition must be string")
	require.Contains(t, b.failed("component:default/s21-siblings"), `"annotations.$yaml" is not valid`)
	require.Equal(t, map[string]any{"Tier": "1", "tier": "2"}, b.served("component:default/s28-case").Metadata()["labels"])
	require.Equal(t, 2, b.count("select count(*) from catalog_search where key = 'metadata.annotations.example.com/team'"))
	b.awaitServed("component:default/s37-before", "component:default/s37-after")
	nul := entity.LocationEntity(entity.LocationSpec{Type: "url", Target: b.site.URL + "/37-nul/catalog-info.yaml"}).Ref().String()
	require.Equal(t, []string{`InputError: "/metadata/description" holds the character U+0000, which cannot be stored (at url:` +
		b.site.URL + `/37-nul/catalog-info.yaml, line 10)`}, b.complaints(nul))
}

// failed is the errors of an entity that was never served.
func (b *bench) failed(ref string) string {
	b.Helper()
	require.Nil(b, b.served(ref))
	var failures string
	require.NoError(b, b.pool.QueryRow(b.Context(), "select errors ->> 0 from catalog_states where entity_ref = $1", ref).Scan(&failures))
	return strings.ReplaceAll(failures, `\"`, `"`)
}
