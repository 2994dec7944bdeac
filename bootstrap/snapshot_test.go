// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// member is the view of a healthy follower; change makes it another.
func member(name string, id, leader, applied uint64, change ...func(*memberView)) memberView {
	v := memberView{
		node: site.Node{Name: name}, service: talos.ServiceState{State: etcdRunning, Healthy: true},
		status:  talos.EtcdStatus{MemberID: id, Leader: leader, Applied: applied},
		members: []talos.EtcdMember{{ID: 1, Hostname: "cp1"}, {ID: 2, Hostname: "cp2"}, {ID: 3, Hostname: "cp3"}},
	}
	for _, c := range change {
		c(&v)
	}
	return v
}

func TestSnapshotsComeFromAFollowerThatIsUpToDate(t *testing.T) {
	for name, test := range map[string]struct {
		views []memberView
		want  []string
		why   string // why there is none
	}{
		"the leader last":         {[]memberView{member("cp1", 1, 1, 100), member("cp2", 2, 1, 99), member("cp3", 3, 1, 100)}, []string{"cp3", "cp2", "cp1"}, ""},
		"the leader alone":        {[]memberView{member("cp1", 1, 1, 100)}, []string{"cp1"}, ""},
		"one that lags is no aid": {[]memberView{member("cp1", 1, 1, 90_000), member("cp2", 2, 1, 10)}, []string{"cp1", "cp2"}, ""},
		"not a learner": {
			[]memberView{member("cp1", 1, 1, 9), member("cp2", 2, 1, 9, func(v *memberView) { v.status.Learner = true })}, []string{"cp1"}, "",
		},
		"a full database can be read": {
			[]memberView{member("cp1", 1, 1, 9, func(v *memberView) { v.status.Errors = []string{"memberID:1 alarm:NOSPACE"} })}, []string{"cp1"}, "",
		},
		"none": {
			[]memberView{
				member("cp1", 1, 0, 9),
				member("cp2", 2, 1, 9, func(v *memberView) { v.err = errors.New("it does not answer") }),
				member("cp3", 3, 1, 9, func(v *memberView) { v.status.Errors = []string{"memberID:3 alarm:CORRUPT"} }),
				member("cp4", 4, 1, 9, func(v *memberView) { v.service = talos.ServiceState{State: "Preparing"} }),
				member("cp5", 5, 1, 9, func(v *memberView) { v.service.Healthy, v.service.Message = false, "timeout" }),
				{node: site.Node{Name: "cp6"}},
			},
			nil,
			"no control plane has a healthy etcd: cp1: etcd knows no leader: there is no quorum; cp2: it does not answer; " +
				"cp3: etcd has the alarm memberID:3 alarm:CORRUPT; cp4: etcd is Preparing; cp5: etcd is not healthy: timeout; cp6: it has no etcd",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := snapshotSources(test.views)
			if test.why != "" {
				require.EqualError(t, err, test.why)
				return
			}
			require.NoError(t, err)
			var names []string
			for _, v := range got {
				names = append(names, v.node.Name)
			}
			require.Equal(t, test.want, names)
		})
	}
}

func TestNoSnapshotIsTakenOfOneOfTwoClusters(t *testing.T) {
	var split *SplitEtcdError
	_, err := snapshotSources([]memberView{member("cp1", 1, 1, 9), member("cp2", 7, 7, 9, func(v *memberView) {
		v.members = []talos.EtcdMember{{ID: 7, Hostname: "cp2"}}
	})})
	require.ErrorAs(t, err, &split)
}

func TestASnapshotIsWrittenWholeAndSealedForTheNamed(t *testing.T) {
	o, _ := installedSite(t, 1)
	taken, err := TakeSnapshot(t.Context(), o, SnapshotOptions{})
	require.NoError(t, err)
	require.Equal(t, "cp1", taken.Node)
	require.Regexp(t, `/work/snapshots/etcd-\d{8}T\d{6}Z\.db$`, taken.Path)
	require.False(t, taken.Encrypted)
	require.Equal(t, taken.Bytes, taken.FileBytes)
	require.Equal(t, taken.SHA256, snapshotIn(t, taken.Path, nil))
	info, err := os.Stat(taken.Path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	mine, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "sealed")
	sealed, err := TakeSnapshot(t.Context(), o, SnapshotOptions{File: path, EncryptTo: []string{mine.Recipient().String()}})
	require.NoError(t, err)
	require.True(t, sealed.Encrypted)
	require.Equal(t, sealed.SHA256, snapshotIn(t, path, mine))

	var exists *workdir.ExistsError
	_, err = TakeSnapshot(t.Context(), o, SnapshotOptions{File: path})
	require.ErrorAs(t, err, &exists, "an older snapshot is not overwritten")
	var wrong *RecipientError
	_, err = TakeSnapshot(t.Context(), o, SnapshotOptions{EncryptTo: []string{"age1nobody"}})
	require.ErrorAs(t, err, &wrong)
}

// snapshotIn checks a file and gives the snapshot's sum.
func snapshotIn(t *testing.T, path string, identity *age.X25519Identity) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var from io.Reader = bytes.NewReader(data)
	if identity != nil {
		require.NotContains(t, string(data), "cluster")
		from, err = age.Decrypt(from, identity)
		require.NoError(t, err)
	}
	var check talos.SnapshotCheck
	_, err = io.Copy(&check, from)
	require.NoError(t, err)
	found, err := check.Finish()
	require.NoError(t, err)
	return found.SHA256
}

func TestASilentClusterLeavesNoFile(t *testing.T) {
	o := Options{Site: parseSite(t, "", ""), WorkDir: filepath.Join(t.TempDir(), "work")}
	var noSecrets *NoSecretsError
	_, err := TakeSnapshot(t.Context(), o, SnapshotOptions{})
	require.ErrorAs(t, err, &noSecrets)
	_, _, err = GenerateConfigs(t.Context(), o)
	require.NoError(t, err)
	var none *NoHealthyMemberError
	_, err = TakeSnapshot(t.Context(), o, SnapshotOptions{})
	require.ErrorAs(t, err, &none)
	require.NoDirExists(t, filepath.Join(o.WorkDir, workdir.SnapshotsDir))
}

func TestOnlyOlderSnapshotsOfAScheduleAreRemoved(t *testing.T) {
	dir := t.TempDir()
	names := []string{
		"etcd-20260101T000000Z.db", "etcd-20260102T000000Z.db.age", "etcd-20260103T000000Z.db", "etcd-20260104T000000Z.db",
	}
	others := []string{"etcd-before-upgrade.db", "etcd-20250101T000000Z.db.bak", ".etcd-20250101T000000Z.db.part-1"}
	for _, name := range append(names, others...) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "etcd-20240101T000000Z.db"), 0o700))
	last := filepath.Join(dir, names[3])

	removed, err := removeOlder(last, 3)
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, names[0])}, removed)
	removed, err = removeOlder(last, 1)
	require.NoError(t, err)
	require.Len(t, removed, 2)
	removed, err = removeOlder(last, 1)
	require.NoError(t, err)
	require.Empty(t, removed)
	for _, name := range append(others, names[3]) {
		require.FileExists(t, filepath.Join(dir, name))
	}
	// The clock was wrong before: the one that was just taken stays all the same.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "etcd-20990101T000000Z.db"), nil, 0o600))
	_, err = removeOlder(last, 1)
	require.NoError(t, err)
	require.FileExists(t, last)
}

func TestAScheduleGoesOnAfterAFailureAndKeepsTheLastGoodOne(t *testing.T) {
	for _, bad := range []Schedule{{Every: time.Second, Keep: 1}, {Every: time.Hour}} {
		var wrong *ScheduleError
		require.ErrorAs(t, KeepSnapshots(t.Context(), Options{}, SnapshotOptions{}, bad), &wrong)
	}
	var wrong *ScheduleError
	require.ErrorAs(t, KeepSnapshots(t.Context(), Options{}, SnapshotOptions{File: "x"}, Schedule{Every: time.Hour, Keep: 1}), &wrong)

	o := Options{Site: parseSite(t, "", ""), WorkDir: filepath.Join(t.TempDir(), "work")}
	_, _, err := GenerateConfigs(t.Context(), o)
	require.NoError(t, err)
	good := filepath.Join(o.WorkDir, workdir.SnapshotsDir, "etcd-20260101T000000Z.db")
	require.NoError(t, os.Mkdir(filepath.Dir(good), 0o700))
	require.NoError(t, os.WriteFile(good, nil, 0o600))
	ctx, stop := context.WithCancel(t.Context())
	var failed error
	err = KeepSnapshots(ctx, o, SnapshotOptions{}, Schedule{Every: time.Hour, Keep: 1, Told: func(_ TakenSnapshot, err error) {
		failed = err
		stop()
	}})
	require.ErrorIs(t, err, context.Canceled)
	var none *NoHealthyMemberError
	require.ErrorAs(t, failed, &none)
	require.FileExists(t, good)
}
