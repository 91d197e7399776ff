package integration

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/internal/cache"
)

// A URL does not show where its branch or tag ends: blob/release/v3/docs may be v3/docs on the branch
// release, or docs on the branch release/v3. The first read assumes a name without a slash, as Backstage
// does. If that finds nothing, the host is asked for its refs.

// refsFor is the time for which the host's refs are cached. noRefsFor is the shorter time for an empty list,
// because somebody may be pushing a ref.
const (
	refsFor   = 5 * time.Minute
	noRefsFor = time.Minute
)

// position is a place in a repository that is being read.
type position struct {
	Place
	host       Readable
	repository Repository
	// cache caches refs; nil asks each time.
	cache *cache.Cache[[]string]
}

// findLongerRef moves the position to the longest branch or tag with slashes that its URL may contain. It
// returns false when there is none.
func (p *position) findLongerRef(ctx context.Context) (bool, error) {
	// A ref with escaped slashes is complete, and so is a ref without a path after it.
	if p.Ref == "" || p.Path == "" || p.RefIsWhole || strings.Contains(p.Ref, "/") {
		return false, nil
	}
	refs, err := p.longerRefs(ctx)
	if err != nil {
		return false, err
	}
	named, longest := p.Ref+"/"+p.Path+"/", ""
	for _, ref := range refs {
		if strings.HasPrefix(named, ref+"/") && len(ref) > len(longest) {
			longest = ref
		}
	}
	if longest == "" {
		return false, nil
	}
	p.Path = strings.TrimSuffix(strings.TrimPrefix(named, longest+"/"), "/")
	p.Ref, p.RefIsWhole = longest, true
	return true, nil
}

// longerRefs lists the branches and tags that begin with the place's ref and a slash.
func (p *position) longerRefs(ctx context.Context) ([]string, error) {
	prefix := p.Ref + "/"
	if p.cache == nil {
		return p.repository.Refs(ctx, prefix)
	}
	key := strings.Join([]string{p.host.Name(), p.Repository, prefix}, "/")
	return p.cache.Get(ctx, key, func(ctx context.Context) (cache.Fresh[[]string], error) {
		refs, err := p.repository.Refs(ctx, prefix)
		lasting := refsFor
		if len(refs) == 0 {
			lasting = noRefsFor
		}
		return cache.Fresh[[]string]{Value: refs, Until: time.Now().Add(lasting)}, err
	})
}

// RefsOf lists the branches and tags of the repository of a URL whose names begin with one of the prefixes, each once, and names the one
// that the URL reads. A repository that does not list that one may not be read, and is an error: otherwise all its refs would seem gone.
func (s *Set) RefsOf(ctx context.Context, rawURL string, prefixes []string) (refs []string, current string, err error) {
	ctx, cancel := context.WithTimeout(ctx, treeDeadline)
	defer cancel()
	parsed, err := parseReadable(rawURL)
	if err != nil {
		return nil, "", err
	}
	readable, is := s.byHost[parsed.Host].(Readable)
	if !is {
		return nil, "", fault.New(fault.Input, "the branches of %s cannot be listed: no integration reads its host", rawURL)
	}
	at, err := s.locate(readable, parsed, ReadOptions{})
	if err != nil {
		return nil, "", err
	}
	if _, err := at.findLongerRef(ctx); err != nil {
		return nil, "", err
	}
	if current = at.Ref; current == "" {
		if current, err = at.repository.DefaultBranch(ctx); err != nil {
			return nil, "", err
		}
	}
	for _, prefix := range append(slices.Clone(prefixes), current) {
		found, err := at.repository.Refs(ctx, prefix)
		if err != nil {
			return nil, "", err
		}
		refs = append(refs, found...)
	}
	slices.Sort(refs)
	refs = slices.Compact(refs)
	if !slices.Contains(refs, current) && !isHash(current) {
		return nil, "", fault.New(fault.Unavailable, "%s does not list the branch %s of %s: its credentials may not read it", readable.Name(), current, at.Repository)
	}
	return refs, current, nil
}
