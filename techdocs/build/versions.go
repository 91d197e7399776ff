package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/techdocs"
)

const (
	// maxPatterns bounds the patterns of AnnotationVersions, and maxPattern each of them, in bytes.
	maxPatterns = 10
	maxPattern  = 100
	// maxListed bounds the versions that are listed for a site.
	maxListed = 1000
	// collectAfter is how long after a change contents are deleted that no version has: a build that is tried again needs them.
	collectAfter = 10 * time.Minute
	// previewsLast is how long a preview stays without another commit: the event of its end may have been lost.
	previewsLast = 30 * 24 * time.Hour
)

// patternsOf are the patterns of AnnotationVersions. A star stands for letters other than "/", two stars for any.
func patternsOf(annotation string) ([]string, error) {
	var patterns []string
	for pattern := range strings.SplitSeq(annotation, ",") {
		if pattern = strings.TrimSpace(pattern); pattern == "" {
			continue
		}
		switch {
		case len(pattern) > maxPattern || !doublestar.ValidatePattern(pattern):
			return nil, fault.New(fault.Input, "%s: %q is no pattern of branches and tags: write \"main, v*, release/*\"", AnnotationVersions, cutText(pattern, maxPattern))
		case len(patterns) == maxPatterns:
			return nil, fault.New(fault.Input, "%s has more than %d patterns", AnnotationVersions, maxPatterns)
		}
		patterns = append(patterns, pattern)
	}
	return patterns, nil
}

// wantsVersion reports whether the annotation names a branch or tag.
func wantsVersion(annotation, name string) bool {
	patterns, err := patternsOf(annotation)
	return err == nil && matchOf(patterns, name) >= 0
}

// matchOf is the place of the first pattern that a name matches, -1 without one.
func matchOf(patterns []string, name string) int {
	return slices.IndexFunc(patterns, func(pattern string) bool { return doublestar.MatchUnvalidated(pattern, name) })
}

// prefixesOf are what the names that match patterns begin with, so that hosts list no others.
func prefixesOf(patterns []string) []string {
	prefixes := make([]string, len(patterns))
	for i, pattern := range patterns {
		prefixes[i] = pattern
		if at := strings.IndexAny(pattern, `*?[{\`); at >= 0 {
			prefixes[i] = pattern[:at]
		}
	}
	slices.Sort(prefixes)
	return slices.Compact(prefixes)
}

// choose are the versions among branches and tags: those that are named without a star, then the newest, at most a number of them. What
// cannot be a version, and what is too much, is said.
func choose(patterns, refs []string, current string, most int, say func(string)) []string {
	var chosen []string
	for _, ref := range refs {
		if ref == current || matchOf(patterns, ref) < 0 {
			continue
		}
		if err := techdocs.CheckVersion(ref); err != nil {
			say(fmt.Sprintf("warning: %s has no documentation of its own: %s", cutText(ref, maxPattern), err))
			continue
		}
		if techdocs.IsPreview(ref) {
			say(fmt.Sprintf("warning: %s has no documentation of its own: previews of pull requests are named so", ref))
			continue
		}
		chosen = append(chosen, ref)
	}
	slices.SortFunc(chosen, func(a, b string) int {
		return cmp.Or(-boolCompare(slices.Contains(patterns, a), slices.Contains(patterns, b)), -compareVersions(a, b))
	})
	if len(chosen) > most {
		say(fmt.Sprintf("warning: %d branches and tags are versions; the newest %d have documentation (portico.techdocs.maxVersions)", len(chosen), most))
		chosen = chosen[:most]
	}
	return chosen
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// compareVersions orders names as people number releases: v1.9 is before v1.10, and v2.0-rc.1 before v2.0.
func compareVersions(a, b string) int {
	for a != "" && b != "" {
		textA, textB := untilDigit(a), untilDigit(b)
		if textA != textB {
			return compareTexts(a, b)
		}
		a, b = a[len(textA):], b[len(textB):]
		numberA, numberB := untilText(a), untilText(b)
		if ordered := compareNumbers(numberA, numberB); ordered != 0 {
			return ordered
		}
		a, b = a[len(numberA):], b[len(numberB):]
	}
	return compareTexts(a, b)
}

// compareTexts compares what follows after the same beginning: a release is after what leads to it, v2.0-rc.1.
func compareTexts(a, b string) int {
	if isBefore := strings.HasPrefix(a, "-"); isBefore != strings.HasPrefix(b, "-") {
		return -boolCompare(isBefore, !isBefore)
	}
	return strings.Compare(a, b)
}

// compareNumbers compares decimal numbers of any length, and equal ones as texts.
func compareNumbers(a, b string) int {
	bareA, bareB := strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(bareA), len(bareB)), strings.Compare(bareA, bareB), strings.Compare(a, b))
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func untilDigit(text string) string {
	if at := strings.IndexFunc(text, isDigit); at >= 0 {
		return text[:at]
	}
	return text
}

func untilText(text string) string {
	if at := strings.IndexFunc(text, func(r rune) bool { return !isDigit(r) }); at >= 0 {
		return text[:at]
	}
	return text
}

func noVersions(source Source) error {
	return fault.New(fault.Input, "%s has no versions: they are the branches and tags of a repository", source)
}

// followVersions makes the versions of a site those that its entity names, and asks for builds of the new ones, after a build of the
// current documentation. When that cannot be done, the versions stay as they are until the next look.
func (m *making) followVersions(ctx context.Context) {
	if m.ref.Version != "" || m.entity == nil || ctx.Err() != nil {
		return
	}
	names, err := m.versions(ctx)
	if err == nil {
		err = m.setVersions(ctx, names)
	}
	if err != nil && ctx.Err() == nil {
		m.say("warning: the versions stay as they are: " + err.Error())
		m.Log.WarnContext(ctx, "techdocs: versions were not looked at", "site", m.row.EntityRef, "error", err)
	}
}

// versions are the names of the branches and tags that the entity wants, the newest first.
func (m *making) versions(ctx context.Context) ([]string, error) {
	patterns, err := patternsOf(m.entity.Annotation(AnnotationVersions))
	switch {
	case err != nil || len(patterns) == 0 || m.MaxVersions == 0:
		return nil, err
	case m.source.Kind != KindURL:
		m.say("warning: " + noVersions(m.source).Error())
		return nil, nil
	}
	refs, current, err := m.Hosts.RefsOf(ctx, m.source.Target, prefixesOf(patterns))
	if err != nil {
		return nil, err
	}
	if err := m.store.queries.TechDocsNoteRef(ctx, m.store.Pool, current, m.row.EntityRef); err != nil {
		return nil, fmt.Errorf("note the branch of %s: %w", m.row.EntityRef, err)
	}
	return choose(patterns, refs, current, m.MaxVersions, m.say), nil
}

// setVersions makes the branches and tags those of the site.
func (m *making) setVersions(ctx context.Context, names []string) error {
	var added []string
	asked := request{cause: BySchedule} // many versions must not be before what somebody waits for
	if Cause(m.row.Cause) == ByPush {
		asked = request{cause: ByPush, askedBy: m.row.AskedBy}
	}
	err := m.store.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := m.holds(ctx, tx); err != nil {
			return err
		}
		known, err := m.store.queries.TechDocsKnownVersions(ctx, tx, m.row.EntityRef)
		if err != nil {
			return fmt.Errorf("list the versions of %s: %w", m.row.EntityRef, err)
		}
		there := map[string]bool{}
		for _, one := range known {
			there[one.Version] = !one.IsGone
		}
		for _, name := range names {
			if there[name] {
				continue
			}
			site := versionOf(m.row.EntityRef, name)
			if err := m.store.addVersion(ctx, tx, db.TechDocsAddVersionParams{EntityRef: site, VersionOf: m.row.EntityRef, Version: name, Ref: name},
				asked); err != nil {
				return err
			}
			added = append(added, site)
		}
		kept := append([]string{}, names...)
		_, err = m.store.queries.TechDocsDropVersions(ctx, tx, m.row.EntityRef, kept)
		return wrap(err, "remove versions of %s", m.row.EntityRef)
	})
	if err != nil || len(added) == 0 {
		return err
	}
	m.say(fmt.Sprintf("%d new versions are built.", len(added)))
	if err := m.store.Wake(ctx, asked.cause, added...); err != nil {
		m.Log.WarnContext(ctx, "techdocs: versions are built later", "site", m.row.EntityRef, "error", err)
	}
	return nil
}

// addVersion adds a version to a site, and asks for a build of it.
func (s *Store) addVersion(ctx context.Context, tx pgx.Tx, version db.TechDocsAddVersionParams, asked request) error {
	if err := s.queries.TechDocsAddVersion(ctx, tx, version); err != nil {
		return fmt.Errorf("add the version %s of %s: %w", version.Version, version.VersionOf, err)
	}
	_, err := s.ask(ctx, tx, version.EntityRef, asked)
	return err
}

// lostVersion removes a version whose branch or tag was deleted. Otherwise the error is another one: that of a folder that is not there.
func (m *making) lostVersion(ctx context.Context, source Source, cause error) error {
	if techdocs.IsPreview(m.ref.Version) {
		return cause
	}
	refs, _, err := m.Hosts.RefsOf(ctx, source.Target, []string{source.Ref})
	if err != nil || slices.Contains(refs, source.Ref) {
		return cause
	}
	m.say("There is no branch or tag " + source.Ref + " any more: its documentation is removed.")
	if _, err := m.store.queries.TechDocsDropVersion(ctx, m.store.Pool, m.row.EntityRef); err != nil {
		return fmt.Errorf("remove %s: %w", m.row.EntityRef, err)
	}
	return integration.ErrNotModified
}

// upload publishes the site. While a version is published, nothing of the versions of its site is deleted.
func (m *making) upload(ctx context.Context) error {
	if m.ref.Version == "" {
		return m.bring(ctx)
	}
	base, err := m.baseSite()
	if err != nil {
		return err
	}
	for {
		// It is noted before, because this process may die after the first content.
		if err := m.store.queries.TechDocsNoteGarbage(ctx, m.store.Pool, base); err != nil {
			return fmt.Errorf("note that %s has a new version: %w", base, err)
		}
		if err := m.uploadVersion(ctx, base); !errors.Is(err, errCollected) {
			return err
		}
	}
}

// errCollected says that contents of versions were deleted after it was noted that there are more.
var errCollected = errors.New("contents of versions were deleted meanwhile")

// uploadVersion publishes a version of a site. It holds a connection meanwhile, so all statements are in its transaction: others that
// publish may have all the other connections.
func (m *making) uploadVersion(ctx context.Context, base string) error {
	return pgx.BeginFunc(ctx, m.store.Pool, func(tx pgx.Tx) error {
		if err := m.store.queries.TechDocsShareVersions(ctx, tx, base); err != nil {
			return fmt.Errorf("wait until no version of %s is deleted: %w", base, err)
		}
		// A version that was removed meanwhile has no build any more. Its row is not locked, because the log is written to it.
		row, err := m.store.queries.TechDocsBuild(ctx, tx, m.row.ID)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && (row.Claim == nil || *row.Claim != m.claim) {
			return errSuperseded
		}
		if err != nil {
			return fmt.Errorf("read the claim of build %s: %w", m.row.ID, err)
		}
		site, err := m.store.queries.TechDocsSite(ctx, tx, base)
		if err != nil {
			return fmt.Errorf("read the site of %s: %w", base, err)
		}
		if site.GarbageAt == nil {
			return errCollected
		}
		return m.Sites.Publish(ctx, m.ref, m.output())
	})
}

// baseSite is the site of which the build is a version.
func (m *making) baseSite() (string, error) {
	base, _, is := techdocs.SplitVersion(m.row.EntityRef)
	if !is {
		return "", fault.New(fault.NotFound, "There is no documentation of '%s'", m.row.EntityRef)
	}
	return base, nil
}

// RemoveGoneVersions deletes versions whose branch or tag is gone, and previews of pull requests that were closed. Those of a site whose
// version is published at this moment wait.
func (b *Builder) RemoveGoneVersions(ctx context.Context) error {
	if _, err := b.Store.queries.TechDocsExpirePreviews(ctx, b.Store.Pool, time.Now().Add(-previewsLast)); err != nil {
		return fmt.Errorf("find previews that are old: %w", err)
	}
	gone, err := b.Store.queries.TechDocsGoneVersions(ctx, b.Store.Pool, maxWoken)
	if err != nil {
		return fmt.Errorf("find versions that are gone: %w", err)
	}
	var failures []error
	for _, one := range gone {
		ref, err := refOf(one.EntityRef)
		if err == nil {
			err = b.Store.alone(ctx, one.VersionOf, func(ctx context.Context, tx pgx.Tx) error { return b.removeVersion(ctx, tx, one, ref) })
		}
		failures = append(failures, wrap(err, "remove %s", one.EntityRef))
	}
	return errors.Join(failures...)
}

func (b *Builder) removeVersion(ctx context.Context, tx pgx.Tx, gone db.TechDocsGoneVersionsRow, ref techdocs.Ref) error {
	if err := b.Store.queries.TechDocsNoteGarbage(ctx, tx, gone.VersionOf); err != nil {
		return err
	}
	if count, err := b.Store.queries.TechDocsForgetSite(ctx, tx, gone.EntityRef); err != nil || count == 0 {
		return err // it is wanted again
	}
	return b.Sites.Delete(ctx, ref)
}

// Collect deletes contents that no version has any more.
func (b *Builder) Collect(ctx context.Context) error {
	sites, err := b.Store.queries.TechDocsGarbage(ctx, b.Store.Pool, time.Now().Add(-collectAfter), maxWoken)
	if err != nil {
		return fmt.Errorf("find contents of versions that are not needed: %w", err)
	}
	var failures []error
	for _, site := range sites {
		ref, err := refOf(site)
		if err == nil {
			err = b.Store.alone(ctx, site, func(ctx context.Context, tx pgx.Tx) error {
				count, err := b.Sites.Collect(ctx, ref)
				if err != nil {
					return err
				}
				b.Log.InfoContext(ctx, "techdocs: contents of versions were deleted", "site", site, "count", count)
				return b.Store.queries.TechDocsCollected(ctx, tx, site)
			})
		}
		failures = append(failures, wrap(err, "delete what no version of %s needs", site))
	}
	return errors.Join(failures...)
}

// aloneTimeout bounds what is done while nobody publishes versions of a site.
const aloneTimeout = 10 * time.Minute

// alone does something while nobody publishes versions of a site. While somebody does, it does nothing.
func (s *Store) alone(ctx context.Context, site string, do func(ctx context.Context, tx pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, aloneTimeout)
	defer cancel()
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		free, err := s.queries.TechDocsTryOwnVersions(ctx, tx, site)
		if err != nil || !free {
			return wrap(err, "look whether versions of %s are published", site)
		}
		return do(ctx, tx)
	})
}
