package rbac

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/portico-dev/portico/fault"
)

// Version identifies what a role is at one moment.
func (r Role) Version() string {
	r.Metadata.IsDefault = false // it is not stored
	r.Metadata.CreatedAt, r.Metadata.LastModified = r.Metadata.CreatedAt.UTC(), r.Metadata.LastModified.UTC()
	return versionOf(r)
}

// Version identifies what a condition is at one moment.
func (c Condition) Version() string { return versionOf(c) }

func versionOf(value any) string {
	text, _ := json.Marshal(value) //nolint:errchkjson // it came from the database as JSON and text
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:16])
}

// unchanged returns a fault of kind Stale if a role is not as the caller has read it, by itself or as a whole. No
// versions match all.
func (s *stored) unchanged(r Role, read []string) error {
	if len(read) == 0 || slices.Contains(read, r.Version()) || slices.Contains(read, s.whole(r).Version) {
		return nil
	}
	return fault.New(fault.Stale, "%s was changed by %s since you read it. Read it again, and repeat your change if it is still right", r.Ref, r.Metadata.ModifiedBy)
}

// unchanged is stored.unchanged for a condition.
func (c Condition) unchanged(read []string) error {
	if len(read) == 0 || slices.Contains(read, c.Version()) {
		return nil
	}
	return fault.New(fault.Stale, "The condition %d of %s was changed since you read it. Read it again, and repeat your change if it is still right", c.ID, c.Role)
}
