package github

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
)

// repository reads one repository.
type repository struct {
	host        *Host
	client      *Client
	owner, name string
	// isRaw means that a file was read from the URL of raw files, without the API.
	isRaw bool
}

// Connect implements integration.Readable.
func (h *Host) Connect(place integration.Place, token string) (integration.Repository, error) {
	owner, repo, _ := strings.Cut(place.Repository, "/")
	client, err := h.client(Access{Owner: owner, Repository: repo}, token)
	if err != nil {
		return nil, err
	}
	return &repository{host: h, client: client, owner: owner, name: repo}, nil
}

// needAPI returns an error if no API is configured.
func (r *repository) needAPI() error {
	_, err := r.host.Client(Access{}, "")
	return err
}

// apiURL is the API's URL of a part of the repository.
func (r *repository) apiURL(part string) string {
	return fmt.Sprintf("%srepos/%s/%s%s", r.client.BaseURL, r.owner, r.name, part)
}

// DefaultBranch implements integration.Repository.
func (r *repository) DefaultBranch(ctx context.Context) (string, error) {
	if err := r.needAPI(); err != nil {
		return "", err
	}
	details, _, err := r.client.Repositories.Get(ctx, r.owner, r.name)
	if err != nil {
		return "", r.client.failure(ctx, r.apiURL(""), err)
	}
	return details.GetDefaultBranch(), nil
}

// Commit implements integration.Repository.
func (r *repository) Commit(ctx context.Context, ref, known string) (string, error) {
	if err := r.needAPI(); err != nil {
		return "", err
	}
	hash, _, err := r.client.Repositories.GetCommitSHA1(ctx, r.owner, r.name, ref, known)
	if isAnswer(err, http.StatusUnprocessableEntity) {
		return "", fault.Wrap(fault.NotFound, err, "%s/%s on %s has no branch, tag or commit %s", r.owner, r.name, r.host.Name(), ref)
	}
	if err != nil {
		return "", r.client.failure(ctx, r.apiURL("/commits/"+url.PathEscape(ref)), err)
	}
	return hash, nil
}

// Refs implements integration.Repository. Where files are read without the API, it does not ask, because
// there may be no API, and the rate limit without a token is low.
func (r *repository) Refs(ctx context.Context, prefix string) ([]string, error) {
	if r.isRaw || r.host.config.APIBaseURL == "" {
		return nil, nil
	}
	var refs []string
	for _, kind := range []string{branches, tags} {
		matching, err := r.matching(ctx, kind, prefix)
		if isAnswer(err, http.StatusNotFound) || isAnswer(err, http.StatusConflict) {
			return nil, nil
		}
		if err != nil {
			return nil, r.unlisted(ctx, kind, prefix, err)
		}
		refs = append(refs, matching...)
	}
	return refs, nil
}

// Kinds of refs, as the API names them.
const (
	branches = "heads/"
	tags     = "tags/"
)

// matching lists the refs of a kind whose names begin with a prefix, without the kind.
func (r *repository) matching(ctx context.Context, kind, prefix string) ([]string, error) {
	options := &github.ReferenceListOptions{Ref: kind + prefix}
	matching, _, err := r.client.Git.ListMatchingRefs(ctx, r.owner, r.name, options)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(matching))
	for i, ref := range matching {
		names[i] = strings.TrimPrefix(ref.GetRef(), "refs/"+kind)
	}
	return names, nil
}

// unlisted is the error of a failed call of matching.
func (r *repository) unlisted(ctx context.Context, kind, prefix string, err error) error {
	return r.client.failure(ctx, r.apiURL("/git/matching-refs/"+kind+prefix), err)
}

// Branches implements integration.BranchLister.
func (h *Host) Branches(ctx context.Context, repo integration.Repo, prefix, token string) ([]string, error) {
	client, err := h.client(Access{Owner: repo.Owner, Repository: repo.Repo}, token)
	if err != nil {
		return nil, err
	}
	r := &repository{host: h, client: client, owner: repo.Owner, name: repo.Repo}
	names, err := r.matching(ctx, branches, prefix)
	if err != nil {
		return nil, r.unlisted(ctx, branches, prefix, err)
	}
	return names, nil
}

// Open reads through the contents API if there is a token or no URL of raw files, else from that URL.
func (r *repository) Open(ctx context.Context, place integration.Place, etag string) (*http.Response, error) {
	if place.View == "" || place.View == "edit" || place.Path == "" {
		return nil, errInvalidURL
	}
	credential, err := r.client.Credential(ctx)
	if err != nil {
		return nil, err
	}
	config := r.host.config
	address := fmt.Sprintf("%s/%s/%s/%s/%s", config.RawBaseURL, r.owner, r.name, integration.EscapePath(place.Ref), integration.EscapePath(place.Path))
	r.isRaw = credential.Token == "" && config.RawBaseURL != "" || config.APIBaseURL == ""
	if !r.isRaw {
		address = r.apiURL("/contents/" + integration.EscapePath(place.Path) + "?ref=" + url.QueryEscape(place.Ref))
	}
	request, err := r.client.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", address, err)
	}
	request.Header.Set("Accept", "application/vnd.github.v3.raw")
	if etag != "" {
		request.Header.Set("If-None-Match", etag)
	}
	response, err := r.client.BareDo(ctx, request)
	if err != nil {
		return nil, r.client.failure(ctx, request.URL.String(), err)
	}
	return response.Response, nil
}

// List implements integration.Repository.
func (r *repository) List(ctx context.Context, commit, _ string) ([]integration.Entry, error) {
	tree, _, err := r.client.Git.GetTree(ctx, r.owner, r.name, commit, true)
	if err != nil {
		return nil, r.client.failure(ctx, r.apiURL("/git/trees/"+commit), err)
	}
	if tree.GetTruncated() {
		return nil, integration.ErrTooManyFiles
	}
	var entries []integration.Entry
	for _, entry := range tree.Entries {
		if entry.GetType() == "blob" && entry.GetMode() != integration.ModeSymlink {
			entries = append(entries, integration.Entry{Path: entry.GetPath(), Hash: entry.GetSHA(), Size: int64(entry.GetSize())})
		}
	}
	return entries, nil
}

// Blob implements integration.Repository. The listing has already returned the size.
func (r *repository) Blob(ctx context.Context, _ string, entry integration.Entry, _ int64) ([]byte, error) {
	blob, _, err := r.client.Git.GetBlob(ctx, r.owner, r.name, entry.Hash)
	if err != nil {
		return nil, r.client.failure(ctx, r.apiURL("/git/blobs/"+entry.Hash), err)
	}
	if blob.GetEncoding() != "base64" {
		return []byte(blob.GetContent()), nil
	}
	body, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(blob.GetContent(), "\n", ""))
	if err != nil {
		return nil, fmt.Errorf("blob %s of %s/%s: %w", entry.Hash, r.owner, r.name, err)
	}
	return body, nil
}

// Archive implements integration.Repository, with the whole tree.
func (r *repository) Archive(ctx context.Context, commit, _ string) (io.ReadCloser, error) {
	request, err := r.client.NewRequest(http.MethodGet, r.apiURL("/tarball/"+commit), nil)
	if err != nil {
		return nil, fmt.Errorf("read %s/%s: %w", r.owner, r.name, err)
	}
	response, err := r.client.BareDo(ctx, request)
	if err != nil {
		return nil, r.client.failure(ctx, request.URL.String(), err)
	}
	return response.Body, nil
}

// Remote implements integration.Repository.
func (r *repository) Remote(ctx context.Context) (integration.Remote, error) {
	credential, err := r.client.Credential(ctx)
	remote := integration.Remote{
		URL:      fmt.Sprintf("%s://%s/%s/%s.git", r.client.BaseURL.Scheme, r.host.Name(), r.owner, r.name),
		Username: "x-access-token", Password: credential.Token,
	}
	return remote, err
}

// requestError converts an error of go-github.
func requestError(rawURL string, err error) error {
	var answered *github.ErrorResponse
	var limited *github.RateLimitError
	var abused *github.AbuseRateLimitError
	what := "Request failed for " + rawURL
	switch {
	case errors.As(err, &answered):
		return integration.AnswerError(answered.Response, what)
	case errors.As(err, &limited):
		return integration.AnswerError(limited.Response, what)
	case errors.As(err, &abused):
		return &integration.ResponseError{
			Status: abused.Response.StatusCode, RateLimited: true, RetryAfter: SecondaryWait(abused),
			Problem: what + ", 403 Forbidden (rate limit exceeded)",
		}
	default:
		return integration.RequestError(rawURL, err)
	}
}

// SecondaryWait is how long GitHub asks to wait after its secondary limit, at most integration.MaxRetryAfter,
// 0 when it does not say. It reads Retry-After itself, because go-github's duration overflows.
func SecondaryWait(limit *github.AbuseRateLimitError) time.Duration {
	if wait, asks := integration.RetryAfter(limit.Response.Header); asks {
		return wait
	}
	return integration.BoundWait(limit.GetRetryAfter())
}

// failure converts an error of go-github. It adds why the request had no token where that may be the cause.
func (c *Client) failure(ctx context.Context, rawURL string, err error) error {
	failed := requestError(rawURL, err)
	missing, isMissing := errors.AsType[*fault.Error](failed)
	if !isMissing || missing.Kind != fault.NotFound {
		return failed
	}
	credential, err := c.Credential(ctx)
	if err != nil || len(credential.Absent) == 0 {
		return failed
	}
	hidden := &integration.HiddenError{Reasons: credential.Absent}
	return fault.Wrap(fault.NotFound, hidden, "%s (%s)", missing.Message, hidden)
}
