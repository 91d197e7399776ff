package rbac

import (
	"regexp"
	"slices"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
)

const (
	kindRole  = "role"
	kindUser  = "user"
	kindGroup = "group"
)

// holders are the kinds that can have a role, or own one.
var holders = []string{kindUser, kindGroup}

var (
	namePattern      = regexp.MustCompile(`^[a-zA-Z0-9]+([._-][a-zA-Z0-9]+)*$`)
	namespacePattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
)

const maxNameLength = 63

// checkRef returns a fault of kind Input for a text that is not a full reference of one of the kinds. Kinds
// and namespaces are in lower case.
func checkRef(text string, kinds ...string) error {
	ref, err := entity.ParseRef(text, entity.Ref{})
	if err != nil {
		return fault.New(fault.Input, "%s", err) // without the cause, which has another status
	}
	switch {
	case !slices.Contains(kinds, ref.Kind):
		return fault.New(fault.Input, `Unsupported kind %s. List supported values ["%s"]`, ref.Kind, strings.Join(kinds, `", "`))
	case len(ref.Name) > maxNameLength || !namePattern.MatchString(ref.Name):
		return fault.New(fault.Input, "The name '%s' in the entity reference must be a string that is sequences of [a-zA-Z0-9] separated by any of [-_.], at most 63 characters in total", ref.Name)
	case len(ref.Namespace) > maxNameLength || !namespacePattern.MatchString(ref.Namespace):
		return fault.New(fault.Input, "The namespace '%s' in the entity reference must be a string that is sequences of [a-z0-9] separated by [-], at most 63 characters in total", ref.Namespace)
	case text != ref.Kind+":"+ref.Namespace+"/"+ref.Name:
		return fault.New(fault.Input, "The entity reference '%s' must be on the form <kind>:<namespace>/<name>", text)
	}
	return nil
}
