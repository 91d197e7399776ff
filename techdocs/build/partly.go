package build

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/portico-dev/portico/techdocs"
)

// published are the digests of the files of the site as it is, so that those which stay the same are not made. Nil: all are made.
func (m *making) published(ctx context.Context) map[string]techdocs.Digest {
	partly, is := m.Sites.(PartlySites)
	if !is || m.row.Force || m.ref.Version != "" { // who insists does not trust what is there, and contents of versions are stored once
		return nil
	}
	digests, err := partly.Digests(ctx, m.ref)
	if err != nil { // publishing will say what is wrong, if it still is
		m.Log.WarnContext(ctx, "techdocs: the files of a site are not known, so all are made", "site", m.row.EntityRef, "error", err)
		return nil
	}
	return digests
}

// bring publishes what was made. When somebody else has changed the site meanwhile, all of it is made and published.
func (m *making) bring(ctx context.Context) error {
	partly, is := m.Sites.(PartlySites)
	if !is || len(m.kept) == 0 {
		return m.Sites.Publish(ctx, m.ref, m.output())
	}
	err := partly.PublishRest(ctx, m.ref, m.output(), m.kept)
	if !errors.Is(err, techdocs.ErrNotKept) {
		return err
	}
	m.say("Somebody else has changed the published site: all of it is made again")
	if err := errors.Join(os.RemoveAll(m.output()), os.Mkdir(m.output(), 0o700)); err != nil {
		return fmt.Errorf("make the folder of a build: %w", err)
	}
	if err := m.whole(ctx); err != nil {
		return err
	}
	return m.Sites.Publish(ctx, m.ref, m.output())
}
