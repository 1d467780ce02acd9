//! Locks with ranks: a thread that holds one may take another only if that has a higher rank, so that no two threads wait for each
//! other. `docs/ARCHITECTURE.md` has the table.
//!
//! A debug build panics where the order is broken. In a release build these are `parking_lot`'s locks and nothing else.

use std::ops::{Deref, DerefMut};

/// A mutex of this rank.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T, const RANK: u8>(parking_lot::Mutex<T>);

/// What a locked mutex of this rank gives.
pub(crate) type MutexGuard<'a, T, const RANK: u8> = Guard<parking_lot::MutexGuard<'a, T>, RANK>;

impl<T, const RANK: u8> Mutex<T, RANK> {
    pub(crate) const fn new(value: T) -> Mutex<T, RANK> {
        Mutex(parking_lot::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T, RANK> {
        let held = Held::take();
        Guard { guard: self.0.lock(), _held: held }
    }

    /// `None`: another thread holds it, or this one.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T, RANK>> {
        let guard = self.0.try_lock()?;
        Some(Guard { guard, _held: Held::take() })
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.0.is_locked()
    }
}

/// A lock of this rank for many readers or one writer.
#[derive(Debug, Default)]
pub(crate) struct RwLock<T, const RANK: u8>(parking_lot::RwLock<T>);

impl<T, const RANK: u8> RwLock<T, RANK> {
    pub(crate) const fn new(value: T) -> RwLock<T, RANK> {
        RwLock(parking_lot::RwLock::new(value))
    }

    pub(crate) fn read(&self) -> Guard<parking_lot::RwLockReadGuard<'_, T>, RANK> {
        let held = Held::take();
        Guard { guard: self.0.read(), _held: held }
    }

    pub(crate) fn write(&self) -> Guard<parking_lot::RwLockWriteGuard<'_, T>, RANK> {
        let held = Held::take();
        Guard { guard: self.0.write(), _held: held }
    }
}

/// A lock that is held.
#[derive(Debug)]
pub(crate) struct Guard<G, const RANK: u8> {
    guard: G,
    _held: Held<RANK>,
}

impl<G: Deref, const RANK: u8> Deref for Guard<G, RANK> {
    type Target = G::Target;

    fn deref(&self) -> &G::Target {
        &self.guard
    }
}

impl<G: DerefMut, const RANK: u8> DerefMut for Guard<G, RANK> {
    fn deref_mut(&mut self) -> &mut G::Target {
        &mut self.guard
    }
}

/// Takes locks in any order and lets them go in any other: before `fork`, where one thread takes all there are.
pub(crate) fn in_any_order<T>(take: impl FnOnce() -> T) -> T {
    order::suspended(take)
}

use order::Held;

#[cfg(not(debug_assertions))]
mod order {
    #[derive(Debug)]
    pub(super) struct Held<const RANK: u8>;

    impl<const RANK: u8> Held<RANK> {
        pub(super) fn take() -> Held<RANK> {
            Held
        }
    }

    pub(super) fn suspended<T>(take: impl FnOnce() -> T) -> T {
        take()
    }
}

#[cfg(debug_assertions)]
mod order {
    use std::cell::Cell;

    thread_local! {
        /// The ranks of the locks that this thread holds, a bit each. (Without a destructor: there until the thread's very end.)
        static RANKS: Cell<u32> = const { Cell::new(0) };
        static IS_SUSPENDED: Cell<bool> = const { Cell::new(false) };
    }

    /// That this thread holds a lock of this rank.
    #[derive(Debug)]
    pub(super) struct Held<const RANK: u8> {
        is_noted: bool,
    }

    impl<const RANK: u8> Held<RANK> {
        pub(super) fn take() -> Held<RANK> {
            if IS_SUSPENDED.get() {
                return Held { is_noted: false };
            }
            let (held, rank) = (RANKS.get(), u32::from(RANK));
            if let Some(highest) = held.checked_ilog2() {
                assert!(highest < rank, "a lock of rank {rank} is taken while one of rank {highest} is held");
            }
            RANKS.set(held | 1 << rank);
            Held { is_noted: true }
        }
    }

    impl<const RANK: u8> Drop for Held<RANK> {
        fn drop(&mut self) {
            if self.is_noted {
                RANKS.set(RANKS.get() & !(1 << RANK));
            }
        }
    }

    pub(super) fn suspended<T>(take: impl FnOnce() -> T) -> T {
        struct Before(bool);
        impl Drop for Before {
            fn drop(&mut self) {
                IS_SUSPENDED.set(self.0);
            }
        }
        let _before = Before(IS_SUSPENDED.replace(true));
        take()
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_lock_is_taken_only_above_those_held() {
        let (low, high, other) = (Mutex::<_, 2>::new('a'), RwLock::<_, 5>::new('b'), Mutex::<_, 5>::new('c'));
        let is_refused = |take: &dyn Fn()| catch_unwind(AssertUnwindSafe(take)).is_err();
        let first = low.lock();
        let second = high.read();
        assert!(is_refused(&|| drop(low.lock())), "lower");
        assert!(is_refused(&|| drop(other.lock())), "of the same rank");
        drop(first); // not the one taken last
        assert!(is_refused(&|| drop(low.lock())));
        drop(second);
        assert_eq!((*low.lock(), *high.write()), ('a', 'b'));
        assert_eq!(*other.lock(), 'c');
    }

    #[test]
    fn fork_takes_them_in_any_order() {
        let (low, high) = (Mutex::<_, 2>::new(()), Mutex::<_, 5>::new(()));
        let both = in_any_order(|| (high.lock(), low.lock()));
        assert!(low.is_locked());
        drop(both);
        drop((low.lock(), high.lock()));
    }
}
