//! Why a plan was chosen.

use std::fmt;

use serde::{Serialize, Serializer};

/// Why a plan was chosen. Reports and logs show its text ([`Display`](fmt::Display)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PlanReason {
    /// The stamp was observed a moment ago, by this run or one before it.
    StampIsFresh,
    /// The stamp did not change.
    StampStands,
    /// The stamp did not change, but the total was not compared for an hour.
    CountDue,
    /// The stamp does not tell whether titles, years or guids were edited.
    MetadataDue,
    /// A name means a show, and the rows of episodes do not settle which one.
    ShowsUnknown,
    /// Looking up few files is cheaper than listing the section.
    NothingCachedFewAsked,
    /// The cache has nothing that may be trusted.
    NothingCached,
    /// Lookups would cost more than a listing, or prove nothing.
    LookupsDoNotPay,
    /// The stamp moved since the lookups that filled the cache.
    LookupsMayHaveChanged,
    /// The last sweep is longer ago than `Policy::max_sweep_age`.
    SweepDue,
    /// An absence is proven only if the section is known completely.
    AbsenceToProve,
    /// The same as [`AbsenceToProve`](Self::AbsenceToProve), and something changed.
    ChangeAndAbsenceToProve,
    /// A scan ran, and the change counter did not move.
    CounterStands,
    /// A delta starts from the times of items, and the items have none.
    NoTimes,
    /// The change counter moved.
    CounterMoved,
    /// The section's own `updatedAt` moved.
    SettingsChanged,
    /// A scan ran, and this server does not show whether it changed anything.
    NoCounter,
    /// Reading few items again is cheaper than a sweep.
    UnexplainedFewAsked,
    /// The change counter moved, and a delta showed no difference.
    Unexplained,
    /// Another task or process changed the section in the store.
    ChangedMeanwhile,
    /// This server does not tell how many items there are.
    NoTotal,
    /// So many items vanished that a sweep is cheaper than finding each of them.
    ManyVanished,
    /// The server lists more items than the delta accounts for.
    MoreThanDelta,
    /// Items vanished, and rows that cannot be read may be among them.
    VanishedAmongUnreadable,
    /// This server does not sort by id, which a bisection needs.
    NotSortedById,
    /// Most of the section was edited.
    MuchEdited,
    /// A delta would read half of the section.
    LargeDelta,
    /// The section has more rows than can be counted.
    TooLarge,
    /// The section changed while it was listed.
    ChangedWhileListed,
    /// The section changed while it was swept.
    ChangedWhileSwept,
    /// Items vanished while the section was swept.
    VanishedWhileSwept,
    /// So much of the section changed that a listing is cheaper.
    MuchChanged,
    /// The server's total differs from the number of items that the cache would have.
    TotalDisagrees,
    /// Damaged records were met, and the section's items were dropped.
    DamageDropped,
    /// Another host listed the section. All of it was read from the shared tier.
    #[cfg(feature = "shared")]
    SharedSnapshot,
    /// Another host listed the section. What changed was read from the shared tier.
    #[cfg(feature = "shared")]
    SharedLog,
}

impl PlanReason {
    /// Whether the reason is that the server's total differs from the cached one.
    pub(crate) fn is_of_total(self) -> bool {
        matches!(
            self,
            Self::ManyVanished
                | Self::MoreThanDelta
                | Self::VanishedAmongUnreadable
                | Self::NotSortedById
        )
    }
}

impl fmt::Display for PlanReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StampIsFresh => "the stamp was observed a moment ago",
            Self::StampStands => "the stamp did not change",
            Self::CountDue => "the stamp did not change, and the total is due",
            Self::MetadataDue => "titles, years and guids may have been edited",
            Self::ShowsUnknown => "names mean shows that the episodes alone do not settle",
            Self::NothingCachedFewAsked => "nothing is cached, and few files are asked for",
            Self::NothingCached => "the cache has nothing that may be trusted",
            Self::LookupsDoNotPay => "lookups cost more than a listing, or prove nothing",
            Self::LookupsMayHaveChanged => "what lookups showed may have changed",
            Self::SweepDue => "the last sweep was too long ago",
            Self::AbsenceToProve => "an absence has to be proven",
            Self::ChangeAndAbsenceToProve => "something changed, and an absence has to be proven",
            Self::CounterStands => "a scan ran, but the change counter did not move",
            Self::NoTimes => "something changed, but the items have no times",
            Self::CounterMoved => "the change counter moved",
            Self::SettingsChanged => "the section's settings changed",
            Self::NoCounter => "a scan ran, but this server has no change counter",
            Self::UnexplainedFewAsked => "a change is not explained, and few files are asked for",
            Self::Unexplained => "the change counter moved, but nothing was different",
            Self::ChangedMeanwhile => "the section was changed in the store meanwhile",
            Self::NoTotal => "this server does not tell how many items there are",
            Self::ManyVanished => "so many items vanished that a sweep is cheaper",
            Self::MoreThanDelta => "the server lists more than a delta brought",
            Self::VanishedAmongUnreadable => "items vanished, perhaps among unreadable rows",
            Self::NotSortedById => "this server does not sort by id",
            Self::MuchEdited => "most of the section was edited",
            Self::LargeDelta => "a delta would read half of the section",
            Self::TooLarge => "the section has more rows than can be counted",
            Self::ChangedWhileListed => "the section changed while it was listed",
            Self::ChangedWhileSwept => "the section changed while it was swept",
            Self::VanishedWhileSwept => "items vanished while the section was swept",
            Self::MuchChanged => "much of the section changed",
            Self::TotalDisagrees => "the server's total differs from the cache",
            Self::DamageDropped => "damaged records were dropped",
            #[cfg(feature = "shared")]
            Self::SharedSnapshot => "another host listed it: read whole from the shared tier",
            #[cfg(feature = "shared")]
            Self::SharedLog => "another host listed what changed: read from the shared tier",
        })
    }
}

impl Serialize for PlanReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
