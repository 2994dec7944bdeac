// SPDX-License-Identifier: Apache-2.0

package bootstrap

import "fmt"

// OtherRestoreError says that a restore from another snapshot, or on another node, was begun before.
type OtherRestoreError struct{ Node, SHA256 string }

func (e *OtherRestoreError) Error() string {
	return fmt.Sprintf("a restore on %s from the snapshot with sha256 %s was begun before, and may have taken effect", e.Node, e.SHA256)
}

// Hint says how to go on.
func (e *OtherRestoreError) Hint() string {
	return "finish it with that snapshot; or reset all control planes without --keep-config, which forgets it, and begin anew after up --until install"
}

// PendingRestoreError says that etcd is not bootstrapped, because a restore was begun.
type PendingRestoreError struct{ Node string }

func (e *PendingRestoreError) Error() string {
	return "a restore of etcd on " + e.Node + " was begun: an empty etcd is not started in its place"
}

// Hint says how to go on.
func (e *PendingRestoreError) Hint() string {
	return "finish it: cozy-install etcd restore with the same snapshot; then run up again"
}
