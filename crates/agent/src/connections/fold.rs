//! The row `(other connections)` of each process: what has no row of its own.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use netmon_bpf::abi::Flow;
use netmon_bpf::abi::ProcessId;

use crate::connection::ConnectionRow;
use crate::connection::Kind;
use crate::connection::FOLDED;
use crate::frame::ConnectionNews;

/// Of all processes.
#[derive(Debug, Default)]
pub(super) struct Folds(HashMap<ProcessId, Fold>);

#[derive(Debug, Default)]
struct Fold {
    /// Closed: for good.
    dropped: Sum,
    /// Open: summed anew by each reading.
    open: Sum,
    /// Bytes of the tick.
    moved: (u64, u64),
    row: Option<Arc<ConnectionRow>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Sum {
    count: u32,
    rx: Flow,
    tx: Flow,
}

impl Sum {
    fn add(&mut self, count: u32, rx: Flow, tx: Flow) {
        self.count = self.count.saturating_add(count);
        for (sum, flow) in [(&mut self.rx, rx), (&mut self.tx, tx)] {
            sum.bytes = sum.bytes.saturating_add(flow.bytes);
            sum.calls = sum.calls.saturating_add(flow.calls);
        }
    }
}

impl Folds {
    /// A tick begins: open ones are to be told anew.
    pub(super) fn begin(&mut self) {
        for fold in self.0.values_mut() {
            (fold.open, fold.moved) = (Sum::default(), (0, 0));
        }
    }

    /// An open connection, and its bytes within the tick.
    pub(super) fn add(&mut self, process: ProcessId, rx: Flow, tx: Flow, moved: (u64, u64)) {
        let fold = self.0.entry(process).or_default();
        fold.open.add(1, rx, tx);
        fold.moved.0 = fold.moved.0.saturating_add(moved.0);
        fold.moved.1 = fold.moved.1.saturating_add(moved.1);
    }

    /// One that is closed and loses its row; its bytes were told before.
    pub(super) fn keep(&mut self, process: ProcessId, rx: Flow, tx: Flow) {
        self.0.entry(process).or_default().dropped.add(1, rx, tx);
    }

    /// Bytes within the tick that no row was told with.
    pub(super) fn moved(&mut self, process: ProcessId, moved: (u64, u64)) {
        if moved != (0, 0) {
            let fold = self.0.entry(process).or_default();
            fold.moved.0 = fold.moved.0.saturating_add(moved.0);
            fold.moved.1 = fold.moved.1.saturating_add(moved.1);
        }
    }

    /// Rows that have changed in this tick, and those that are empty now.
    pub(super) fn tell(&mut self, seq: u64, news: &mut ConnectionNews) {
        self.0.retain(|process, fold| {
            let key = (*process, FOLDED);
            let mut sum = fold.dropped;
            sum.add(fold.open.count, fold.open.rx, fold.open.tx);
            if sum.count == 0 {
                if fold.row.is_some() {
                    news.gone.push(key);
                }
                return false;
            }
            let kind = Kind::Folded(sum.count);
            let same = fold.moved == (0, 0)
                && fold.row.as_ref().is_some_and(|row| {
                    row.kind == kind && row.rx_total == sum.rx && row.tx_total == sum.tx
                });
            if !same {
                let row = Arc::new(ConnectionRow {
                    key,
                    kind,
                    seq,
                    rx: fold.moved.0,
                    tx: fold.moved.1,
                    rx_total: sum.rx,
                    tx_total: sum.tx,
                });
                news.rows.push(Arc::clone(&row));
                fold.row = Some(row);
            }
            true
        });
    }

    /// Drops those of these processes.
    pub(super) fn forget(&mut self, gone: &HashSet<ProcessId>) {
        self.0.retain(|id, _| !gone.contains(id));
    }

    /// The rows, in no order.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Arc<ConnectionRow>> {
        self.0.values().filter_map(|fold| fold.row.as_ref())
    }
}
