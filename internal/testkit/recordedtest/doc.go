// Package recordedtest compares an action with what Backstage's action of the same ID did. A recording is a
// list of runs of one action each, made on a Backstage 1.55 backend with the published packages: the files of
// the workspace and beside the template, the step as its author wrote it, and what came of it. The suite plans
// the step as the engine does, runs the action, answers its requests with the recorded answers, and compares.
// It holds no recording; they are in testdata/recorded.json of the packages of actions.
package recordedtest
