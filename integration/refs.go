package integration

import (
	"context"
	"strings"
	"time"

	"github.com/portico-dev/portico/integration/internal/cache"
)

// A URL does not say where its branch or tag ends: blob/release/v3/docs may be v3/docs of the branch release,
// or docs of the branch release/v3. The first reading takes it for one name without a slash, as Backstage
// does. Where that finds nothing, the host is asked.

// refsFor is how long the host's answer is taken to hold, and noRefsFor how long it is that there are none:
// somebody may be pushing one.
const (
	refsFor   = 5 * time.Minute
	noRefsFor = time.Minute
)

// position is a place in a repository that is being read.
type position struct {
	Place
	host       Readable
	repository Repository
	// cache keeps the answers about refs; nil asks each time.
	cache *cache.Cache[[]string]
}

// findLongerRef moves the position to the longest branch or tag with slashes that its URL may mean. It is
// false when there is none.
func (p *position) findLongerRef(ctx context.Context) (bool, error) {
	// A ref that the URL gives with its slash escaped is whole, and without a path there is no more of it.
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
