// Package resolver finds the user of the catalog that a signed-in person is, with Backstage's sign-in
// resolvers, by their names in auth.providers.<id>.<env>.signIn.resolvers.
package resolver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/resolver/expression"
)

// Users finds users in the catalog.
type Users interface {
	// FindUsers lists the references of at most two users that have all of these values, by path
	// ("spec.profile.email"). Paths and values are compared in lower case.
	FindUsers(ctx context.Context, values map[string]string) ([]string, error)
}

// Entry is one configured resolver.
type Entry struct {
	// Name is the resolver's name.
	Name string
	// AllowedDomains, when not empty, are the only domains of email addresses that
	// emailLocalPartMatchingUserEntityName accepts.
	AllowedDomains []string
	// WithoutUser signs in people who are not in the catalog too, under the name that was looked for. The name
	// of a User in the catalog is refused.
	WithoutUser bool
	// Expression is in CEL, and for the resolver expression only; see package expression.
	Expression string
}

// Chain is the resolvers of a provider, in order.
type Chain struct {
	users Users
	steps []step
	// host is the provider's host, which is part of some annotations.
	host string
}

type step struct {
	Entry

	// look is nil for the resolver expression.
	look       look
	expression *expression.Expression
}

// Options are what a chain is made of.
type Options struct {
	// Provider is the id of the provider: some resolvers are for one provider only.
	Provider string
	// Host is the host of the provider.
	Host    string
	Entries []Entry
	Users   Users
}

// EntryError is what is wrong with a configured resolver.
type EntryError struct {
	// Entry is its number, from 0.
	Entry int
	Err   error
}

func (e *EntryError) Error() string { return fmt.Sprintf("signIn.resolvers[%d]: %v", e.Entry, e.Err) }

func (e *EntryError) Unwrap() error { return e.Err }

// New checks the names: an unknown one is an *EntryError, as are a resolver for another provider and an expression
// that does not compile.
func New(options Options) (*Chain, error) {
	chain := &Chain{users: options.Users, host: options.Host}
	for n, entry := range options.Entries {
		step, err := newStep(options.Provider, entry)
		if err != nil {
			return nil, &EntryError{Entry: n, Err: err}
		}
		chain.steps = append(chain.steps, step)
	}
	return chain, nil
}

func newStep(id string, entry Entry) (step, error) {
	if entry.Name == byExpression {
		if entry.Expression == "" {
			return step{}, errors.New("expression is missing: it says in CEL which User somebody is")
		}
		compiled, err := expression.Compile(entry.Expression)
		if err != nil {
			return step{}, fmt.Errorf("expression: %w", err)
		}
		return step{Entry: entry, expression: compiled}, nil
	}
	if entry.Expression != "" {
		return step{}, fmt.Errorf("expression is for the resolver '%s', not for '%s'", byExpression, entry.Name)
	}
	found := find(id, entry.Name)
	if found == nil {
		return step{}, fmt.Errorf("the provider %s has no resolver '%s': it has %s", id, entry.Name, strings.Join(namesFor(id), ", "))
	}
	return step{Entry: entry, look: found}, nil
}

// wanted is the user to look for. The error is the reason why there is none.
func (s step) wanted(ctx context.Context, person provider.Person, host string) (wanted, error) {
	found, err := s.named(ctx, person, host)
	if err == nil && found.isForged() {
		return wanted{}, errors.New("the name or address has a letter that becomes an ASCII letter in lower case, and is then somebody else's")
	}
	return found, err
}

func (s step) named(ctx context.Context, person provider.Person, host string) (wanted, error) {
	if s.expression == nil {
		found, reason := s.look(person, s.Entry, host)
		if reason != "" {
			return wanted{}, errors.New(reason)
		}
		return found, nil
	}
	result, err := s.expression.Evaluate(ctx, person)
	if err != nil {
		return wanted{}, err
	}
	if result == "" {
		return wanted{}, errors.New("the expression gave nobody")
	}
	user, err := entity.ParseRef(result, entity.Ref{Kind: "User"})
	if err != nil || !strings.EqualFold(user.Kind, "user") {
		return wanted{}, fmt.Errorf("the expression's result '%s' is not the name or reference of a User", result)
	}
	return namedIn(user.Namespace, user.Name), nil
}

// Found is the user that a person is.
type Found struct {
	UserRef string
	// Resolver is the name of the resolver that found the user.
	Resolver string
	// InCatalog is false for a user that Entry.WithoutUser let in.
	InCatalog bool
}

// Attempt is what one resolver looked for and did not find.
type Attempt struct {
	Resolver string
	// Wanted describes the user that nobody is; without it, Reason is why the resolver gave no user.
	Wanted, Reason string
}

// unresolved is Backstage's message to a person whom no resolver finds.
const unresolved = "Failed to sign-in, unable to resolve user identity. Please verify that your catalog contains the expected User entities " +
	"that would match your configured sign-in resolver."

// tooLong is the message to a person whose expression was stopped.
const tooLong = "Failed to sign-in: the expression that says who you are computes too long. " +
	"Try again, and if that does not help ask whoever runs Portico to simplify it"

// Resolve returns the user that the first successful resolver finds, and what those before it looked for.
// When none finds a user, it returns a fault of kind NotFound that says what to ask for. Two users for one
// person are a fault of kind Conflict, as is the name of another user for somebody who is not in the catalog. An
// expression that computes too long is one of kind Unavailable.
func (c *Chain) Resolve(ctx context.Context, person provider.Person) (Found, []Attempt, error) {
	var tried []Attempt
	for _, step := range c.steps {
		wanted, err := step.wanted(ctx, person, c.host)
		if err != nil {
			tried = append(tried, Attempt{Resolver: step.Name, Reason: err.Error()})
			if errors.Is(err, expression.ErrTooLong) {
				// It did not say that the person is nobody, and the next resolver could take them for somebody else.
				return Found{}, tried, fault.Wrap(fault.Unavailable, err, "%s", tooLong)
			}
			continue
		}
		ref, err := c.first(ctx, wanted.alternatives)
		if err != nil {
			return Found{}, append(tried, Attempt{Resolver: step.Name, Reason: err.Error()}), err
		}
		if ref != "" {
			return Found{UserRef: ref, Resolver: step.Name, InCatalog: true}, tried, nil
		}
		if step.WithoutUser {
			if err := c.unused(ctx, wanted); err != nil {
				return Found{}, append(tried, Attempt{Resolver: step.Name, Reason: err.Error()}), err
			}
			return Found{UserRef: wanted.ref(), Resolver: step.Name}, tried, nil
		}
		tried = append(tried, Attempt{Resolver: step.Name, Wanted: wanted.String()})
	}
	return Found{}, tried, fault.New(fault.NotFound, "%s%s", unresolved, advice(tried))
}

// unused refuses the name of a User for somebody who is not in the catalog: a person chooses a name at the
// provider, and would be that User.
func (c *Chain) unused(ctx context.Context, of wanted) error {
	ref, err := c.first(ctx, namedIn(of.namespace, of.name).alternatives)
	if err != nil {
		return err
	}
	if ref != "" {
		return fault.New(fault.Conflict, "Failed to sign-in: the catalog has a User with the name '%s', and nothing shows that it is you", of.name)
	}
	return nil
}

// first returns the user with the first of the alternatives that any user has.
func (c *Chain) first(ctx context.Context, alternatives []map[string]string) (string, error) {
	for _, values := range alternatives {
		refs, err := c.users.FindUsers(ctx, values)
		if err != nil {
			return "", fmt.Errorf("find the user of a sign-in: %w", err)
		}
		if len(refs) > 1 {
			return "", fault.New(fault.Conflict, "User lookup resulted in multiple matches")
		}
		if len(refs) == 1 {
			return refs[0], nil
		}
	}
	return "", nil
}

// advice tells the person what to ask for: they know these values of theirs.
func advice(tried []Attempt) string {
	var wanted []string
	for _, attempt := range tried {
		if attempt.Wanted != "" && !slices.Contains(wanted, attempt.Wanted) {
			wanted = append(wanted, attempt.Wanted)
		}
	}
	if len(wanted) == 0 {
		return ""
	}
	return " Ask whoever runs the catalog for a User entity with " + strings.Join(wanted, ", or with ") + "."
}

// wanted is a user to look for.
type wanted struct {
	// alternatives are the values of the user; the first that any user has counts.
	alternatives []map[string]string
	// namespace and name are those of a user that is not in the catalog. Without a namespace it is the default one.
	namespace, name string
}

// isForged reports whether a value has a letter such as the Kelvin sign, of which the lower case is an ASCII letter.
// The catalog compares in lower case, and would find another user.
func (w wanted) isForged() bool {
	values := []string{w.namespace, w.name}
	for _, alternative := range w.alternatives {
		values = slices.AppendSeq(values, maps.Values(alternative))
	}
	return strings.ContainsFunc(strings.Join(values, ""), func(r rune) bool { return r > unicode.MaxASCII && unicode.ToLower(r) <= unicode.MaxASCII })
}

// ref is the reference of a user that is not in the catalog.
func (w wanted) ref() string {
	return entity.Ref{Kind: "user", Namespace: w.namespace, Name: w.name}.String()
}

// String describes the first alternative.
func (w wanted) String() string {
	values := w.alternatives[0]
	var parts []string
	for _, path := range slices.Sorted(maps.Keys(values)) {
		parts = append(parts, fmt.Sprintf("%s '%s'", path, values[path]))
	}
	return strings.Join(parts, " and ")
}
