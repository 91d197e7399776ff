package techdocs

import (
	"context"

	"github.com/portico-dev/portico/identity"
)

// A Syncer builds the site of an entity anew when its source has changed, for somebody who reads it.
type Syncer interface {
	// Sync returns when the site is up to date, and whether it was built for that. It writes a line to log for each step.
	Sync(ctx context.Context, principal identity.Principal, ref Ref, log func(line string)) (updated bool, err error)
}
