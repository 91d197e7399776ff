// Package awstest is a small stand-in for AWS's registry ECR and for Secrets Manager. It follows their published APIs as
// far as the actions use them: requests are JSON, named by the header X-Amz-Target, and signed. It checks who signed,
// but no signature. S3 is not here: a real server for it runs in the tests.
package awstest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// AccessKeyID and SecretAccessKey are the keys that the stand-in accepts.
const (
	AccessKeyID     = "AKIATEST"
	SecretAccessKey = "test-secret-access-key"
)

// Server is the stand-in. The zero value is empty.
type Server struct {
	mutex        sync.Mutex
	repositories map[string]*repository
	secrets      map[string]*secret
	changes      int
}

type repository struct {
	created  time.Time
	mutable  string
	isScan   bool
	tags     int
	pictures []string
}

type secret struct {
	arn, description string
	values           []string
	tags             int
}

// refusal is an answer that is no success.
type refusal struct{ code, message string }

// request has the fields of all requests that are understood.
type request struct {
	RepositoryName             string   `json:"repositoryName"`
	RepositoryNames            []string `json:"repositoryNames"`
	ImageTagMutability         string   `json:"imageTagMutability"`
	ImageScanningConfiguration struct {
		ScanOnPush bool `json:"scanOnPush"`
	} `json:"imageScanningConfiguration"`
	Name                       string  `json:"Name"`
	SecretID                   string  `json:"SecretId"`
	Description                string  `json:"Description"`
	SecretString               *string `json:"SecretString"`
	ForceDeleteWithoutRecovery bool    `json:"ForceDeleteWithoutRecovery"`
	Tags                       []any   `json:"Tags"`
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var asked request
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		answer(w, nil, &refusal{"SerializationException", err.Error()})
		return
	}
	if !strings.Contains(r.Header.Get("Authorization"), "Credential="+AccessKeyID+"/") {
		answer(w, nil, &refusal{"UnrecognizedClientException", "The security token included in the request is invalid."})
		return
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	do, isKnown := map[string]func(request) (any, *refusal){
		"CreateRepository": s.createRepository, "DescribeRepositories": s.describeRepositories, "DeleteRepository": s.deleteRepository,
		"ListImages": s.listImages, "CreateSecret": s.createSecret, "DescribeSecret": s.describeSecret, "DeleteSecret": s.deleteSecret,
	}[operation]
	if !isKnown {
		answer(w, nil, &refusal{"UnknownOperationException", operation})
		return
	}
	done, refused := do(asked)
	answer(w, done, refused)
}

func answer(w http.ResponseWriter, done any, refused *refusal) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if refused != nil {
		w.WriteHeader(http.StatusBadRequest)
		done = map[string]string{"__type": refused.code, "message": refused.message}
	}
	_ = json.NewEncoder(w).Encode(done) //nolint:errchkjson // The test sees what is missing.
}

func (r *repository) shown(name string) map[string]any {
	address := "111122223333.dkr.ecr.eu-west-1.amazonaws.com/" + name
	return map[string]any{"repositoryName": name, "repositoryUri": address, "createdAt": float64(r.created.UnixMilli()) / 1000,
		"repositoryArn": "arn:aws:ecr:eu-west-1:111122223333:repository/" + name}
}

func (s *Server) createRepository(asked request) (any, *refusal) {
	if _, taken := s.repositories[asked.RepositoryName]; taken {
		return nil, &refusal{"RepositoryAlreadyExistsException", "The repository with name '" + asked.RepositoryName + "' already exists"}
	}
	made := &repository{created: time.Now(), mutable: asked.ImageTagMutability, isScan: asked.ImageScanningConfiguration.ScanOnPush, tags: len(asked.Tags)}
	s.putRepository(asked.RepositoryName, made)
	return map[string]any{"repository": made.shown(asked.RepositoryName)}, nil
}

func (s *Server) putRepository(name string, made *repository) {
	if s.repositories == nil {
		s.repositories = map[string]*repository{}
	}
	s.repositories[name] = made
	s.changes++
}

func (s *Server) repository(name string) (*repository, *refusal) {
	if found, exists := s.repositories[name]; exists {
		return found, nil
	}
	return nil, &refusal{"RepositoryNotFoundException", "The repository with name '" + name + "' does not exist"}
}

func (s *Server) describeRepositories(asked request) (any, *refusal) {
	found, refused := s.repository(asked.RepositoryNames[0])
	if refused != nil {
		return nil, refused
	}
	return map[string]any{"repositories": []any{found.shown(asked.RepositoryNames[0])}}, nil
}

func (s *Server) listImages(asked request) (any, *refusal) {
	found, refused := s.repository(asked.RepositoryName)
	if refused != nil {
		return nil, refused
	}
	images := []any{}
	for _, one := range found.pictures {
		images = append(images, map[string]string{"imageTag": one, "imageDigest": "sha256:1"})
	}
	return map[string]any{"imageIds": images}, nil
}

func (s *Server) deleteRepository(asked request) (any, *refusal) {
	found, refused := s.repository(asked.RepositoryName)
	switch {
	case refused != nil:
		return nil, refused
	case len(found.pictures) > 0:
		return nil, &refusal{"RepositoryNotEmptyException", "The repository cannot be deleted because it still contains images"}
	}
	delete(s.repositories, asked.RepositoryName)
	s.changes++
	return map[string]any{}, nil
}

func (s *Server) createSecret(asked request) (any, *refusal) {
	if _, taken := s.secrets[asked.Name]; taken {
		return nil, &refusal{"ResourceExistsException", "The operation failed because the secret " + asked.Name + " already exists."}
	}
	made := s.putSecret(asked.Name, asked.SecretString)
	made.description, made.tags = asked.Description, len(asked.Tags)
	return map[string]any{"ARN": made.arn, "Name": asked.Name}, nil
}

func (s *Server) putSecret(name string, value *string) *secret {
	if s.secrets == nil {
		s.secrets = map[string]*secret{}
	}
	made := &secret{arn: "arn:aws:secretsmanager:eu-west-1:111122223333:secret:" + name + "-" + uuid.NewString()[:6]}
	if value != nil {
		made.values = append(made.values, *value)
	}
	s.secrets[name] = made
	s.changes++
	return made
}

// secret finds a secret by its name or its ARN.
func (s *Server) secret(id string) (string, *secret, *refusal) {
	for name, found := range s.secrets {
		if name == id || found.arn == id {
			return name, found, nil
		}
	}
	return "", nil, &refusal{"ResourceNotFoundException", "Secrets Manager can't find the specified secret."}
}

func (s *Server) describeSecret(asked request) (any, *refusal) {
	name, found, refused := s.secret(asked.SecretID)
	if refused != nil {
		return nil, refused
	}
	versions := map[string][]string{}
	for range found.values {
		versions[uuid.NewString()] = []string{"AWSCURRENT"}
	}
	return map[string]any{"ARN": found.arn, "Name": name, "VersionIdsToStages": versions}, nil
}

func (s *Server) deleteSecret(asked request) (any, *refusal) {
	name, _, refused := s.secret(asked.SecretID)
	switch {
	case refused != nil:
		return nil, refused
	case !asked.ForceDeleteWithoutRecovery:
		return nil, &refusal{"InvalidRequestException", "The test expects a deletion for good."}
	}
	delete(s.secrets, name)
	s.changes++
	return map[string]any{}, nil
}

// Changes counts what was changed.
func (s *Server) Changes() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.changes
}

// Push puts an image into a repository, which is created if it is not there.
func (s *Server) Push(name, tag string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, refused := s.repository(name)
	if refused != nil {
		found = &repository{created: time.Now()}
	}
	if tag != "" {
		found.pictures = append(found.pictures, tag)
	}
	s.putRepository(name, found)
}

// Store gives a secret another value; it is created if it is not there.
func (s *Server) Store(name, value string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, found, refused := s.secret(name); refused == nil {
		found.values = append(found.values, value)
		s.changes++
		return
	}
	s.putSecret(name, &value)
}

// State lists what there is, a line each.
func (s *Server) State() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	lines := []string{}
	for name, one := range s.repositories {
		line := "repository " + name + " " + one.mutable + " " + strings.Join(one.pictures, ",")
		if one.isScan {
			line += " scanned"
		}
		lines = append(lines, line+strings.Repeat(" tag", one.tags))
	}
	for name, one := range s.secrets {
		lines = append(lines, "secret "+name+" "+one.description+" "+strings.Join(one.values, ",")+strings.Repeat(" tag", one.tags))
	}
	slices.Sort(lines)
	return lines
}
