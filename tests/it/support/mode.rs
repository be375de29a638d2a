//! The two ways in which Tollgate runs; every test of the suite runs in both.

/// How the parts are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One process.
    AllInOne,
    /// An adapter and a gateway, with gRPC between them.
    Split,
}

/// Makes two tests of each of these functions: one for each [`Mode`].
macro_rules! in_both_modes {
    ($($name:ident),+ $(,)?) => {
        mod all_in_one {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name($crate::support::mode::Mode::AllInOne).await;
                }
            )+
        }

        mod split {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name($crate::support::mode::Mode::Split).await;
                }
            )+
        }
    };
}

pub(crate) use in_both_modes;
