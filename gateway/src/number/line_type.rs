//! What kind of line a number is, and what may be sent there.

use rlibphonenumber::PhoneNumberType;
use watchword_providers::Channel;

/// The kind of line, as the numbering plan tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineType {
    Mobile,
    FixedLine,
    /// The plan does not tell the two apart, as in North America.
    FixedLineOrMobile,
    Voip,
    TollFree,
    PremiumRate,
    SharedCost,
    /// Follows a person from line to line, at the caller's cost.
    Personal,
    Pager,
    /// One number for all branches of a company.
    Uan,
    Voicemail,
}

/// Why a valid number may not receive a message over a channel. Final: no
/// provider and no retry changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberRefusal {
    #[error("premium-rate numbers earn money from every message")]
    PremiumRate,
    #[error("shared-cost numbers charge the sender")]
    SharedCost,
    #[error("personal numbers forward at the sender's cost")]
    PersonalNumber,
    #[error("this kind of line receives no sms")]
    NotReachableBySms { alternatives: &'static [Channel] },
    #[error("no call to this kind of line reaches one person")]
    NotReachableByVoice,
}

impl NumberRefusal {
    /// The stable word for API answers and metric labels.
    pub fn code(self) -> &'static str {
        match self {
            Self::PremiumRate => "premium_rate",
            Self::SharedCost => "shared_cost",
            Self::PersonalNumber => "personal_number",
            Self::NotReachableBySms { .. } => "not_reachable_by_sms",
            Self::NotReachableByVoice => "not_reachable_by_voice",
        }
    }

    /// The channels that do reach the number.
    pub fn alternatives(self) -> &'static [Channel] {
        match self {
            Self::NotReachableBySms { alternatives } => alternatives,
            Self::PremiumRate
            | Self::SharedCost
            | Self::PersonalNumber
            | Self::NotReachableByVoice => &[],
        }
    }
}

impl LineType {
    /// The word used in the API and in metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mobile => "mobile",
            Self::FixedLine => "fixed_line",
            Self::FixedLineOrMobile => "fixed_line_or_mobile",
            Self::Voip => "voip",
            Self::TollFree => "toll_free",
            Self::PremiumRate => "premium_rate",
            Self::SharedCost => "shared_cost",
            Self::Personal => "personal",
            Self::Pager => "pager",
            Self::Uan => "uan",
            Self::Voicemail => "voicemail",
        }
    }

    /// The channels this kind of line may receive.
    ///
    /// A code proves that one person holds one line. Numbers that answer for a
    /// company (toll-free, UAN), or with a machine (pager, voicemail), prove
    /// nothing; numbers that cost the sender extra (premium rate, shared cost,
    /// personal) are where pumping fraud sends its traffic.
    pub fn channels(self) -> &'static [Channel] {
        match self {
            Self::Mobile | Self::FixedLineOrMobile | Self::Voip => &[Channel::Sms, Channel::Voice],
            Self::FixedLine => &[Channel::Voice],
            Self::TollFree
            | Self::PremiumRate
            | Self::SharedCost
            | Self::Personal
            | Self::Pager
            | Self::Uan
            | Self::Voicemail => &[],
        }
    }

    /// Whether a message over `channel` may go to this kind of line.
    ///
    /// # Errors
    ///
    /// The reason why not, with the channels that would do.
    pub fn may_receive(self, channel: Channel) -> Result<(), NumberRefusal> {
        if self.channels().contains(&channel) {
            return Ok(());
        }
        Err(match self {
            Self::PremiumRate => NumberRefusal::PremiumRate,
            Self::SharedCost => NumberRefusal::SharedCost,
            Self::Personal => NumberRefusal::PersonalNumber,
            Self::Mobile
            | Self::FixedLine
            | Self::FixedLineOrMobile
            | Self::Voip
            | Self::TollFree
            | Self::Pager
            | Self::Uan
            | Self::Voicemail => match channel {
                Channel::Sms => NumberRefusal::NotReachableBySms {
                    alternatives: self.channels(),
                },
                Channel::Voice => NumberRefusal::NotReachableByVoice,
            },
        })
    }

    /// `None` where the engine matched no range of the plan: not a valid number.
    pub(super) fn from_engine(line_type: PhoneNumberType) -> Option<Self> {
        match line_type {
            PhoneNumberType::Mobile => Some(Self::Mobile),
            PhoneNumberType::FixedLine => Some(Self::FixedLine),
            PhoneNumberType::FixedLineOrMobile => Some(Self::FixedLineOrMobile),
            PhoneNumberType::VoIP => Some(Self::Voip),
            PhoneNumberType::TollFree => Some(Self::TollFree),
            PhoneNumberType::PremiumRate => Some(Self::PremiumRate),
            PhoneNumberType::SharedCost => Some(Self::SharedCost),
            PhoneNumberType::PersonalNumber => Some(Self::Personal),
            PhoneNumberType::Pager => Some(Self::Pager),
            PhoneNumberType::UAN => Some(Self::Uan),
            PhoneNumberType::VoiceMail => Some(Self::Voicemail),
            PhoneNumberType::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_line_gets_its_channels_or_the_reason_why_not() {
        use LineType::*;
        for (line_type, sms, voice) in [
            (Mobile, "ok", "ok"),
            (FixedLineOrMobile, "ok", "ok"),
            (Voip, "ok", "ok"),
            (FixedLine, "not_reachable_by_sms", "ok"),
            (TollFree, "not_reachable_by_sms", "not_reachable_by_voice"),
            (Pager, "not_reachable_by_sms", "not_reachable_by_voice"),
            (Uan, "not_reachable_by_sms", "not_reachable_by_voice"),
            (Voicemail, "not_reachable_by_sms", "not_reachable_by_voice"),
            (PremiumRate, "premium_rate", "premium_rate"),
            (SharedCost, "shared_cost", "shared_cost"),
            (Personal, "personal_number", "personal_number"),
        ] {
            let answer = |channel| match line_type.may_receive(channel) {
                Ok(()) => "ok",
                Err(refusal) => refusal.code(),
            };
            assert_eq!(
                (answer(Channel::Sms), answer(Channel::Voice)),
                (sms, voice),
                "{line_type:?}"
            );
        }
    }

    #[test]
    fn a_landline_is_offered_voice_instead_and_a_pager_nothing() {
        let refusal = LineType::FixedLine.may_receive(Channel::Sms).unwrap_err();
        assert_eq!(refusal.alternatives(), [Channel::Voice]);
        let refusal = LineType::Pager.may_receive(Channel::Sms).unwrap_err();
        assert_eq!(refusal.alternatives(), []);
    }
}
