package techdocs

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/portico-dev/portico/fault"
)

// A site can have versions besides the current one: of branches and tags, and previews of pull requests. In addresses, a version is a part
// of the entity's name: shop@v1.2. No name of an entity has an "@". A slash of a version is written "~", which no branch or tag has.

// maxVersion bounds the name of a version, in bytes: it is part of a file's name.
const maxVersion = 100

// preview is the name of a preview. No branch or tag with such a name is a version.
var preview = regexp.MustCompile(`^pr-[0-9]+$`)

// IsPreview reports whether a version is a preview of a pull request.
func IsPreview(version string) bool { return preview.MatchString(version) }

// CheckVersion returns a fault for people when a branch or tag cannot be a version. It takes names that are the same text to people, to
// file systems and in addresses.
func CheckVersion(name string) error {
	switch {
	case name == "" || len(name) > maxVersion:
		return fault.New(fault.Input, "the name of a version has 1 to %d bytes", maxVersion)
	case !utf8.ValidString(name) || !norm.NFC.IsNormalString(name):
		return fault.New(fault.Input, "the name of a version is Unicode text in its composed form (NFC)")
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasPrefix(part, "-") || strings.Contains(part, "..") {
			return fault.New(fault.Input, "no part of the name of a version is empty, begins with a dot or a dash, or has two dots in a row")
		}
	}
	if strings.ContainsFunc(name, isForeign) {
		return fault.New(fault.Input, "the name of a version has letters, digits and . _ - + @ / only")
	}
	return nil
}

func isForeign(r rune) bool {
	return !unicode.In(r, unicode.L, unicode.M, unicode.N) && !strings.ContainsRune("._-+@/", r)
}

// JoinVersion is the name of an entity with a version, as in addresses. Without a version it is the name.
func JoinVersion(name, version string) string {
	if version == "" {
		return name
	}
	return name + "@" + strings.ReplaceAll(version, "/", "~")
}

// SplitVersion takes apart what JoinVersion has joined. It returns false when there is a version that none can be.
func SplitVersion(joined string) (name, version string, ok bool) {
	name, segment, has := strings.Cut(joined, "@")
	if !has {
		return joined, "", true
	}
	if strings.Contains(segment, "/") {
		return name, "", false
	}
	version = strings.ReplaceAll(segment, "~", "/")
	return name, version, CheckVersion(version) == nil
}
