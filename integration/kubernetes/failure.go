package kubernetes

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portico-dev/portico/fault"
)

// ClusterError is what went wrong with a cluster, in words for people.
type ClusterError struct {
	Kind fault.Kind
	// Message says what happened, and Next what to do.
	Message, Next string
	// Transient failures may pass, not before RetryAfter.
	Transient  bool
	RetryAfter time.Duration
	// Conflicts are the fields that others own, when the failure is that.
	Conflicts []FieldConflict
	// Err is the cluster's own answer; nil when it was not asked.
	Err error
}

// FieldConflict is a field, and who owns it.
type FieldConflict struct{ Field, Manager string }

func (f *ClusterError) Error() string { return f.Message }

// Unwrap returns the fault of the failure's kind, and the cluster's answer.
func (f *ClusterError) Unwrap() []error {
	if f.Err == nil {
		return []error{fault.New(f.Kind, "%s", f.Message)}
	}
	return []error{fault.New(f.Kind, "%s", f.Message), f.Err}
}

// MayPass says whether the same may succeed later, and not before when.
func (f *ClusterError) MayPass() (after time.Duration, may bool) { return f.RetryAfter, f.Transient }

// Advice says what to do, "" when there is nothing to add.
func (f *ClusterError) Advice() string { return f.Next }

var (
	// forbiddenByRole is how an API server says that a user lacks a right.
	forbiddenByRole = regexp.MustCompile(`[Uu]ser "([^"]*)" cannot (\S+) resource "([^"]*)" in API group "([^"]*)"(?: in the namespace "([^"]*)")?`)
	// quota is how it says that a quota is used up.
	quotaExceeded = regexp.MustCompile(`exceeded quota: ([^,]+), requested: (.*), used: (.*), limited: (.*)$`)
	// conflictWith is who owns a field, in a conflict about it.
	conflictWith = regexp.MustCompile(`conflict with "([^"]*)"`)
)

// Explain says what an error of a request means, as a ClusterError. The message begins with doing, as in "applying
// ConfigMap shop/settings". Nil stays nil, and a ClusterError as it is.
func (c *Client) Explain(ctx context.Context, err error, doing string) error {
	if err == nil {
		return nil
	}
	if known, is := errors.AsType[*ClusterError](err); is {
		return known
	}
	if answered, is := errors.AsType[*apierrors.StatusError](err); is {
		return c.explainStatus(err, answered.Status(), doing)
	}
	if meta.IsNoMatchError(err) {
		return c.explainNoMatch(err, doing)
	}
	return c.explainConnection(ctx, err, doing)
}

// explainConnection is for a cluster that has not answered.
func (c *Client) explainConnection(ctx context.Context, err error, doing string) error {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	if errors.As(err, &authority) || errors.As(err, &name) || errors.As(err, &invalid) {
		return &ClusterError{Kind: fault.Authentication, Err: err, Message: fmt.Sprintf("%s: the certificate of the cluster %s is not valid: %s", doing, c.Cluster.Name, rootOf(err)),
			Next: "Set caData or caFile of the cluster in kubernetes.clusterLocatorMethods to the authority of its certificate, then retry."}
	}
	if tooLarge, is := errors.AsType[*http.MaxBytesError](err); is {
		return &ClusterError{Kind: fault.BadGateway, Err: err, Message: fmt.Sprintf("%s: the cluster %s answered more than %d MiB.", doing, c.Cluster.Name, tooLarge.Limit>>20),
			Next: "Ask for less: name a namespace, or fewer objects."}
	}
	next := fmt.Sprintf("Check that %s is up and can be reached from the worker, then retry.", c.Cluster.URL)
	if ctx.Err() != nil {
		return &ClusterError{Kind: fault.Unavailable, Err: err, Transient: true, Message: fmt.Sprintf("%s: the cluster %s has not answered so far: %s", doing, c.Cluster.Name, ctx.Err()), Next: next}
	}
	return &ClusterError{Kind: fault.Unavailable, Err: err, Transient: true, Message: fmt.Sprintf("%s: the cluster %s could not be reached: %s", doing, c.Cluster.Name, err), Next: next}
}

// rootOf is the innermost error.
func rootOf(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// explainNoMatch is for a kind that the cluster does not have.
func (c *Client) explainNoMatch(err error, doing string) error {
	said := "this kind of objects"
	if missing, is := errors.AsType[*meta.NoKindMatchError](err); is {
		said = missing.GroupKind.Kind
		if missing.GroupKind.Group != "" && len(missing.SearchedVersions) > 0 {
			said += " of " + missing.GroupKind.Group + "/" + missing.SearchedVersions[0]
		}
	}
	return &ClusterError{Kind: fault.NotFound, Err: err, Message: fmt.Sprintf("%s: the cluster %s has no %s: its CustomResourceDefinition is not installed, or has other versions.",
		doing, c.Cluster.Name, said), Next: "Install it in the cluster, or correct apiVersion and kind, then retry."}
}

func (c *Client) explainStatus(err error, status metav1.Status, doing string) error {
	message := strings.TrimSuffix(status.Message, ".")
	said := fmt.Sprintf("%s: the cluster %s answered: %s", doing, c.Cluster.Name, message)
	failure := &ClusterError{Err: err, Message: said}
	wait, retries := apierrors.SuggestsClientDelay(err)
	switch {
	case strings.Contains(message, "failed to create typed patch object"):
		// The server says so with the status of an internal error.
		failure.Kind, failure.Next = fault.Input, "Correct the manifest in the template, or the value that it is made of, and start a new run."
	case retries || status.Code >= http.StatusInternalServerError || status.Code == http.StatusTooManyRequests || apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err) ||
		apierrors.IsResourceExpired(err): // a list that took too long has to begin anew
		failure.Kind, failure.Transient, failure.RetryAfter = fault.Unavailable, true, time.Duration(wait)*time.Second
	case apierrors.IsUnauthorized(err):
		failure.Kind, failure.Message = fault.Authentication, fmt.Sprintf("%s: the cluster %s does not accept the credentials.", doing, c.Cluster.Name)
		failure.Next = "Check that the token has not expired and is one of this cluster, then retry."
	case apierrors.IsForbidden(err):
		c.explainForbidden(failure, message, doing)
	case apierrors.IsConflict(err):
		c.explainConflict(failure, status, doing)
	case apierrors.IsAlreadyExists(err):
		failure.Kind = fault.Conflict
	case apierrors.IsNotFound(err):
		failure.Kind, failure.Next = fault.NotFound, "Check the names in the manifest, then retry."
		if status.Details != nil && status.Details.Kind == "namespaces" {
			failure.Message = fmt.Sprintf("%s: the cluster %s has no namespace %s.", doing, c.Cluster.Name, status.Details.Name)
			failure.Next = "Create it, or add a Namespace to the manifests, then retry."
		}
	case strings.Contains(message, "denied the request") || strings.Contains(message, "denied request"):
		c.explainDenied(failure, message, doing)
	default:
		failure.Kind, failure.Next = fault.Input, "Correct the manifest in the template, or the value that it is made of, and start a new run."
	}
	return failure
}

// explainForbidden says which right is missing, or what else forbids it.
func (c *Client) explainForbidden(failure *ClusterError, message, doing string) {
	failure.Kind = fault.NotAllowed
	if found := forbiddenByRole.FindStringSubmatch(message); found != nil {
		user, verb, resource, group, namespace := found[1], found[2], found[3], found[4], found[5]
		where := "in the namespace " + namespace
		if namespace == "" {
			where = "in the whole cluster"
		}
		if group != "" {
			resource += "." + group
		}
		failure.Message = fmt.Sprintf("%s: %s may not %s %s %s of %s.", doing, user, verb, resource, where, c.Cluster.Name)
		failure.Next = fmt.Sprintf("Give it a role with the verb %s on %s %s, then retry.", verb, resource, where)
		return
	}
	if found := quotaExceeded.FindStringSubmatch(message); found != nil {
		failure.Message = fmt.Sprintf("%s: the quota %s does not suffice: requested %s, used %s, limit %s.", doing, found[1], found[2], found[3], found[4])
		failure.Next = "Ask for less in the manifest, or have the quota raised, then retry."
		return
	}
	c.explainDenied(failure, message, doing)
}

// explainDenied is for what a policy of the cluster refuses.
func (c *Client) explainDenied(failure *ClusterError, message, doing string) {
	failure.Kind, failure.Message = fault.NotAllowed, fmt.Sprintf("%s: a policy of the cluster %s refuses it: %s.", doing, c.Cluster.Name, message)
	failure.Next = "Change the manifest so that the policy accepts it, or have the policy changed, then retry."
}

// explainConflict says which fields have other owners.
func (c *Client) explainConflict(failure *ClusterError, status metav1.Status, doing string) {
	failure.Kind = fault.Conflict
	if status.Details != nil {
		for _, cause := range status.Details.Causes {
			if found := conflictWith.FindStringSubmatch(cause.Message); cause.Type == metav1.CauseTypeFieldManagerConflict && found != nil {
				failure.Conflicts = append(failure.Conflicts, FieldConflict{Field: cause.Field, Manager: found[1]})
			}
		}
	}
	if len(failure.Conflicts) == 0 {
		failure.Transient = true // somebody has changed the object meanwhile
		return
	}
	owned := make([]string, len(failure.Conflicts))
	for n, conflict := range failure.Conflicts {
		owned[n] = fmt.Sprintf("%s is managed by %s", conflict.Field, conflict.Manager)
	}
	failure.Message = fmt.Sprintf("%s in %s: others manage fields of it: %s.", doing, c.Cluster.Name, strings.Join(owned, ", "))
	failure.Next = "Leave these fields out of the manifest, or have their manager give them up, then retry. With force: true, the step takes them over."
}
